//! The script that creates the roles, and the migrations by the owner.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use testkit::{broker::broker_url, db::TestDatabase, process::Deployment};

/// The owners and privileges of all objects as one text.
async fn privileges(database: &TestDatabase) -> String {
    let sql = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT concat_ws(' ', relname, pg_get_userbyid(relowner), relacl::text) AS line
          FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', c.relname, attname, attacl::text)
          FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND attacl IS NOT NULL
        UNION ALL SELECT concat_ws(' ', proname, pg_get_userbyid(proowner), proacl::text)
          FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', typname, pg_get_userbyid(typowner), typacl::text)
          FROM pg_type WHERE typnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', nspname, nspacl::text) FROM pg_namespace
          WHERE nspname = 'public'
        UNION ALL SELECT 'database ' || datacl::text FROM pg_database
          WHERE datname = current_database()) AS lines";
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = database
        .connection()
        .query_one_raw(statement)
        .await
        .expect("an answer");
    row.expect("a row").try_get_by_index(0).expect("a text")
}

fn names(database: &TestDatabase) -> [String; 3] {
    let name = database.url().rsplit('/').next().expect("a name");
    ["owner", "worker", "reader"].map(|role| format!("{name}_{role}"))
}

/// The output of `scrip migrate grants` for the roles of a database.
async fn printed(deployment: &Deployment, names: &[String; 3]) -> String {
    let [owner, worker, reader] = names;
    let roles = ["--owner", owner, "--worker", worker, "--reader", reader];
    deployment
        .succeed(&[&["migrate", "grants"][..], &roles].concat())
        .await
}

#[tokio::test]
async fn the_owner_migrates_an_empty_database_and_grants_all_privileges() {
    let database = TestDatabase::postgres().await;
    let names = names(&database);
    let owner = Deployment::on_servers(&broker_url(), &database.url_as("owner"), "credits");
    let script = printed(&owner, &names).await;
    database.execute(&script).await;
    let roles = [
        "--owner", &names[0], "--worker", &names[1], "--reader", &names[2],
    ];
    let up = [&["migrate", "up", "--grant"][..], &roles].concat();
    owner.succeed(&up).await;
    let granted = privileges(&database).await;

    // The commands can run several times, by either role.
    owner.succeed(&up).await;
    assert_eq!(privileges(&database).await, granted);
    database.execute(&script).await;
    assert_eq!(privileges(&database).await, granted);
    // Additional privileges that were granted by hand are revoked.
    database
        .execute(&format!(
            "GRANT UPDATE ON credits_transaction TO {}",
            names[1]
        ))
        .await;
    owner.succeed(&up).await;
    assert_eq!(privileges(&database).await, granted);

    let worker = Deployment::on_servers(&broker_url(), &database.worker_url(), "credits");
    worker.succeed(&["migrate", "status"]).await;
    worker.succeed(&["verify"]).await;
    owner.succeed(&["migrate", "down", "--yes"]).await;
}

#[tokio::test]
async fn a_schema_that_an_administrator_created_becomes_the_owners() {
    let database = TestDatabase::postgres().await;
    let names = names(&database);
    let owner = Deployment::on_servers(&broker_url(), &database.url_as("owner"), "credits");
    let script = printed(&owner, &names).await;
    migration::up(database.connection())
        .await
        .expect("migrates");
    database.execute(&script).await;
    let by_administrator = privileges(&database).await;

    owner.succeed(&["migrate", "down", "--yes"]).await;
    let roles = [
        "--owner", &names[0], "--worker", &names[1], "--reader", &names[2],
    ];
    owner
        .succeed(&[&["migrate", "up", "--grant"][..], &roles].concat())
        .await;
    // The result is the same as if the owner had created everything.
    assert_eq!(by_administrator, privileges(&database).await);
}

#[tokio::test]
async fn a_worker_cannot_migrate_and_names_the_missing_privilege() {
    let database = TestDatabase::postgres().await;
    let names = names(&database);
    let worker = Deployment::on_servers(&broker_url(), &database.worker_url(), "credits");
    database.execute(&printed(&worker, &names).await).await;
    let refused = worker.run(&["migrate", "up"]).await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(
        error.contains("permission denied for schema public"),
        "{error}"
    );
}

#[tokio::test]
async fn the_script_needs_no_database_has_no_password_and_refuses_bad_names() {
    let deployment = Deployment::embedded();
    let script = deployment.succeed(&["migrate", "grants"]).await;
    for role in ["scrip_owner", "scrip_worker", "scrip_reader"] {
        assert!(
            script.contains(&format!("CREATE ROLE \"{role}\" LOGIN;")),
            "{script}"
        );
    }
    assert!(!script.contains("PASSWORD"), "{script}");
    for (arguments, message) in [
        (
            ["--worker", "a b"],
            "the role \"a b\" cannot be used; allowed are 1 to 63 letters",
        ),
        (
            ["--reader", "scrip_worker"],
            "must be three roles; two of them are \"scrip_worker\"",
        ),
    ] {
        let refused = deployment
            .run(&[&["migrate", "grants"][..], &arguments].concat())
            .await;
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && error.contains(message),
            "{error}"
        );
    }
    let file = deployment.run(&["migrate", "up", "--grant"]).await;
    let error = String::from_utf8_lossy(&file.stderr).into_owned();
    assert!(
        !file.status.success() && error.contains("has no roles"),
        "{error}"
    );
}
