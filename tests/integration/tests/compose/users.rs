//! The roles of the database and the users of Redis in `docker-compose.yml` have the same rights as
//! the program prints.

use scrip::cache::Users;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use testkit::{process::Deployment, servers::Server};

use super::{COMPOSE, compose};

const PASSWORDS: [(&str, &str); 3] = [
    ("owner_password", "of-owner"),
    ("worker_password", "of-worker"),
    ("reader_password", "of-reader"),
];

async fn texts(database: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let rows = database.query_all_raw(statement).await.expect("rows");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}

/// Runs the file like `psql`: it replaces variables, and runs the results of a query before
/// `\gexec` as statements.
async fn run(database: &DatabaseConnection, file: &str) {
    let lines = file.lines().filter(|line| !line.starts_with('\\'));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    for (variable, password) in PASSWORDS {
        text = text.replace(&format!(":'{variable}'"), &format!("'{password}'"));
    }
    let (query, rest) = text.split_once("\\gexec").expect("a query before \\gexec");
    for statement in texts(database, query).await {
        database
            .execute_unprepared(&statement)
            .await
            .expect("a role");
    }
    database.execute_unprepared(rest).await.expect("statements");
}

/// The privileges on the schema and its objects, the memberships and the logins.
const PRIVILEGES: &str = "
    SELECT concat_ws(' ', relname, pg_get_userbyid(relowner), relacl::text)
      FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', c.relname, attname, attacl::text)
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
     WHERE c.relnamespace = 'public'::regnamespace AND attacl IS NOT NULL
    UNION ALL SELECT concat_ws(' ', 'schema', nspacl::text) FROM pg_namespace
      WHERE nspname = 'public'
    UNION ALL SELECT concat_ws(' ', 'database', datacl::text) FROM pg_database
      WHERE datname = current_database()
    UNION ALL SELECT concat_ws(' ', rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole)
      FROM pg_roles WHERE rolname LIKE 'scrip%'
    UNION ALL SELECT concat_ws(' ', member::regrole, roleid::regrole) FROM pg_auth_members
     WHERE member::regrole::text LIKE 'scrip%'
    ORDER BY 1";

#[tokio::test]
async fn the_databases_roles_have_what_migrate_grants_prints() {
    let compose = compose(COMPOSE);
    let file = compose["configs"]["database-roles"]["content"].as_str();
    let file = file.expect("statements");
    for (variable, _) in PASSWORDS {
        let role = variable.trim_end_matches("_password").to_uppercase();
        let from = format!("\\getenv {variable} POSTGRES_{role}_PASSWORD\n");
        assert!(file.contains(&from), "{file}");
        let environment = &compose["services"]["postgres"]["environment"];
        assert!(
            environment[format!("POSTGRES_{role}_PASSWORD")].is_string(),
            "{environment}"
        );
    }
    let server = Server::start("postgres").await;
    let administrator = Database::connect(server.url()).await.expect("connects");
    administrator
        .execute_unprepared("CREATE DATABASE scrip")
        .await
        .expect("a database");
    let server_url = server.url().trim_end_matches("/postgres");
    let url = |user: &str| {
        format!(
            "{}/scrip",
            server_url.replace("postgres@", &format!("{user}@"))
        )
    };
    let database = Database::connect(url("postgres")).await.expect("connects");
    run(&database, file).await;
    let owner = Deployment::on_servers("amqp://localhost", &url("scrip_owner"), "credits");
    owner.succeed(&["migrate", "up", "--grant"]).await;
    let granted = texts(&database, PRIVILEGES).await;

    run(&database, file).await;
    database
        .execute_unprepared(&owner.succeed(&["migrate", "grants"]).await)
        .await
        .expect("roles");
    assert_eq!(texts(&database, PRIVILEGES).await, granted);
    let worker = Deployment::on_servers("amqp://localhost", &url("scrip_worker"), "credits");
    worker.succeed(&["verify"]).await;
    let reader = Deployment::on_servers("amqp://localhost", &url("scrip_reader"), "credits");
    reader.succeed(&["report"]).await;
}

#[test]
fn services_connect_with_the_role_that_they_need() {
    let compose = compose(COMPOSE);
    let of = |service: &str, variable: &str| {
        let value = compose["services"][service]["environment"][variable].as_str();
        value.unwrap_or_default().to_owned()
    };
    assert!(
        of("migrate", "DATABASE_URL")
            .starts_with("postgres://scrip_owner:${POSTGRES_OWNER_PASSWORD:?")
    );
    assert!(
        of("worker", "DATABASE_URL")
            .starts_with("postgres://scrip_worker:${POSTGRES_WORKER_PASSWORD:?")
    );
    assert!(
        of("worker", "REDIS_URL").starts_with("redis://scrip_worker:${REDIS_WORKER_PASSWORD:?")
    );
    let up = serde_json::json!(["migrate", "up", "--grant"]);
    assert_eq!(compose["services"]["migrate"]["command"], up);
    assert_eq!(
        compose["services"]["worker"]["command"],
        serde_json::json!(["run"])
    );
    let condition = &compose["services"]["worker"]["depends_on"]["migrate"]["condition"];
    assert_eq!(condition, "service_completed_successfully");
}

#[test]
fn redis_starts_with_the_users_that_redis_grants_prints() {
    let compose = compose(COMPOSE);
    let command = compose["services"]["redis"]["command"]
        .as_array()
        .expect("a list");
    let script = command
        .last()
        .and_then(|word| word.as_str())
        .expect("a script");
    let script = script
        .replace("$$SCRIP_NAMESPACE", "till.v1")
        .replace('"', "");
    let users = Users {
        namespace: "till.v1",
        worker: "scrip_worker",
        app: "scrip_app",
    };
    for (user, secret, rules) in [
        (
            "scrip_worker",
            "REDIS_WORKER_PASSWORD",
            users.worker_rules(),
        ),
        ("scrip_app", "REDIS_APP_PASSWORD", users.app_rules()),
    ] {
        let line = format!("--user {user} on >$${secret} {rules}");
        assert!(script.contains(&line), "{script}\nlacks {line}");
    }
    let given = &compose["services"]["redis"]["environment"]["SCRIP_NAMESPACE"];
    assert_eq!(given, "${SCRIP_NAMESPACE:-credits}");
}
