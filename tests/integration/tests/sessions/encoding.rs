//! A database that cannot store every text is refused.

use sea_orm::{ConnectionTrait, Database};
use testkit::{
    broker::{TestBroker, broker_url},
    db::{TestDatabase, server_url},
    process::Deployment,
};

/// Conformance: Ordering, failures and dead letters: A database with an encoding other than UTF-8
/// is refused
#[tokio::test]
async fn a_database_of_another_encoding_than_utf_8_is_refused() {
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace();
    let admin = Database::connect(server_url()).await.expect("connects");
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let database = TestDatabase::postgres().await;
        let name = database
            .url()
            .rsplit('/')
            .next()
            .expect("a name")
            .to_owned();
        // Replace the test's database by one with another encoding, which is dropped in the same
        // way.
        for change in [
            format!("DROP DATABASE {name} WITH (FORCE)"),
            format!(
                "CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' \
                 LC_CTYPE 'C'"
            ),
        ] {
            admin.execute_unprepared(&change).await.expect("changes");
        }
        let deployment = Deployment::on_servers(&broker_url(), database.url(), namespace);
        for command in [&["migrate", "up"][..], &["run"], &["run", "--migrate"]] {
            let output = deployment.run(command).await;
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{command:?}: {error}");
            let actual = format!("got {encoding}");
            for part in [&actual, "encoding must be UTF8", "CREATE DATABASE"] {
                assert!(error.contains(part), "{command:?}: {error}");
            }
        }
        // The database is still empty.
        let status = deployment.run(&["migrate", "status"]).await;
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(!status.contains("yes"), "{status}");
    }
}
