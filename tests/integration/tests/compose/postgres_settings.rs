//! PostgreSQL accepts the settings of the Compose file.

use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use serde_json::Value;
use testkit::servers::Server;

use super::{COMPOSE, compose};

/// The settings in the command line of `postgres`, as `NAME=VALUE`.
fn postgres_settings(compose: &Value) -> Vec<(&str, &str)> {
    let command = compose["services"]["postgres"]["command"].as_array();
    let words = command.expect("a list").iter().filter_map(Value::as_str);
    words.filter_map(|word| word.split_once('=')).collect()
}

#[tokio::test]
async fn postgresql_has_the_settings_of_the_compose_file_also_after_a_restart() {
    let compose = compose(COMPOSE);
    let settings = postgres_settings(&compose);
    assert!(
        !settings.is_empty(),
        "{COMPOSE}: PostgreSQL has no settings"
    );
    let options: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("-c {name}={value}"))
        .collect();
    let mut server = Server::postgres_with(&options.join(" ")).await;
    for is_restarted in [false, true] {
        if is_restarted {
            server.restart().await;
        }
        let connection = Database::connect(server.url()).await.unwrap();
        for (name, value) in &settings {
            let show = Statement::from_string(DbBackend::Postgres, format!("SHOW {name}"));
            let row = connection.query_one_raw(show).await.unwrap().unwrap();
            let shown: String = row.try_get_by_index(0).unwrap();
            assert_eq!(&shown, value, "{name}");
        }
        connection.close().await.unwrap();
    }
}
