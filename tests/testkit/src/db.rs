//! Throw-away databases. Each test has its own database, which is dropped when the test ends, also
//! after a panic. On PostgreSQL each database has its own roles, so that the tests run workers with
//! the privileges that workers have in practice.

use std::{env, path::PathBuf, thread};

use scrip::db::RoleNames;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use uuid::Uuid;

use crate::sources;

/// An empty database that belongs to one test.
pub struct TestDatabase {
    url: String,
    connection: DatabaseConnection,
    cleanup: Cleanup,
}

/// The suffixes of the role names. The full name is `{database}_{suffix}`.
const ROLES: [&str; 4] = ["owner", "worker", "reader", "web"];

/// The objects that are removed at the end of the test.
enum Cleanup {
    Postgres { admin_url: String, name: String },
    Sqlite { folder: PathBuf },
    Nothing,
}

impl TestDatabase {
    /// An empty PostgreSQL database on the server of `DATABASE_URL`.
    pub async fn postgres() -> Self {
        Self::postgres_at(&server_url()).await
    }

    /// An empty PostgreSQL database on the server at `admin_url`.
    pub async fn postgres_at(admin_url: &str) -> Self {
        let admin_url = admin_url.to_owned();
        let name = format!("scrip_test_{}", Uuid::now_v7().simple());
        let admin = connect(&admin_url).await;
        // template0, because no session can be connected to it.
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        admin
            .execute_unprepared(&create)
            .await
            .expect("the test user may create databases");
        admin.close().await.expect("closes");
        let url = with_database(&admin_url, &name);
        let connection = connect(&url).await;
        Self {
            url,
            connection,
            cleanup: Cleanup::Postgres { admin_url, name },
        }
    }

    /// An empty SQLite file in a temporary folder.
    pub async fn sqlite() -> Self {
        let folder = env::temp_dir().join(format!("scrip-test-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let url = format!("sqlite://{}?mode=rwc", folder.join("scrip.db").display());
        let connection = connect(&url).await;
        Self {
            url,
            connection,
            cleanup: Cleanup::Sqlite { folder },
        }
    }

    /// One empty database of each kind.
    pub async fn each() -> [Self; 2] {
        [Self::postgres().await, Self::sqlite().await]
    }

    /// One database of each kind, both with the schema.
    pub async fn each_migrated() -> [Self; 2] {
        [
            Self::postgres().await.migrated().await,
            Self::sqlite().await.migrated().await,
        ]
    }

    /// The same database with the schema and, on PostgreSQL, with the roles and their privileges.
    pub async fn migrated(self) -> Self {
        migration::up(&self.connection).await.expect("migrates");
        if let Some(roles) = self.roles() {
            self.execute(&roles.script()).await;
        }
        self
    }

    /// The name of the database and of its roles, on a server that is removed as a whole.
    pub fn left_behind(mut self) -> String {
        let Cleanup::Postgres { name, .. } = std::mem::replace(&mut self.cleanup, Cleanup::Nothing)
        else {
            panic!("not on a server");
        };
        name
    }

    /// The roles of this database; `None` on SQLite.
    pub fn roles(&self) -> Option<RoleNames> {
        let Cleanup::Postgres { name, .. } = &self.cleanup else {
            return None;
        };
        let [owner, worker, reader, _] = ROLES.map(|role| format!("{name}_{role}"));
        Some(RoleNames::new(&owner, &worker, &reader).expect("three plain names"))
    }

    /// Creates the role `web` of a server that receives webhooks, by the SQL of the documents.
    /// Returns its name.
    pub async fn create_web_role(&self) -> String {
        let Cleanup::Postgres { name, .. } = &self.cleanup else {
            panic!("SQLite has no roles");
        };
        let page = sources::root().join("docs/reference/payments.md");
        let page = std::fs::read_to_string(page).expect("the document");
        let sql = page
            .split_once("```sql\n")
            .and_then(|(_, rest)| rest.split_once("```"));
        let (sql, _) = sql.expect("a block of SQL");
        let sql = sql.replace("scrip_", &format!("{name}_"));
        self.execute(&sql).await;
        format!("{name}_web")
    }

    /// The URL for the administrator.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL with the privileges of a worker.
    pub fn worker_url(&self) -> String {
        self.url_as("worker")
    }

    /// The URL with the privileges of `owner`, `worker`, `reader` or `web`. The session of the
    /// administrator switches to that role.
    pub fn url_as(&self, role: &str) -> String {
        assert!(ROLES.contains(&role), "{role}");
        let Cleanup::Postgres { name, .. } = &self.cleanup else {
            return self.url.clone();
        };
        let separator = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}options[role]={name}_{role}", self.url)
    }

    /// The connection pool. On SQLite it has one connection.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Another connection pool to the same database.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    /// Whether this is PostgreSQL or SQLite.
    pub fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    /// Runs SQL; panics if it fails.
    pub async fn execute(&self, sql: &str) {
        if let Err(error) = self.connection.execute_unprepared(sql).await {
            panic!("{:?}: {error}\n{sql}", self.backend());
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        match &self.cleanup {
            Cleanup::Postgres { admin_url, name } => drop_database(admin_url.clone(), name.clone()),
            Cleanup::Sqlite { folder } => drop(std::fs::remove_dir_all(folder)),
            Cleanup::Nothing => {}
        }
    }
}

/// Drops the database in a separate thread, because this code cannot wait for the runtime of the
/// test.
fn drop_database(admin_url: String, name: String) {
    let dropped = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let admin = Database::connect(options(&admin_url)).await?;
            admin
                .execute_unprepared(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await?;
            let roles = ROLES.map(|role| format!("{name}_{role}")).join(", ");
            admin
                .execute_unprepared(&format!("DROP ROLE IF EXISTS {roles}"))
                .await?;
            admin.close().await
        })?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    });
    if let Ok(Err(error)) = dropped.join() {
        eprintln!("a test database was left behind: {error}");
    }
}

/// The URL of the tests' PostgreSQL server: `DATABASE_URL`, or the local default.
pub fn server_url() -> String {
    env::var("DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

/// `url` with another database.
pub fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(base, query)| (base, Some(query)));
    let host = base.find("://").map_or(0, |at| at + 3);
    let end = base[host..].find('/').map_or(base.len(), |at| host + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{name}{query}", &base[..end])
}

fn options(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    let connections = if url.starts_with("sqlite:") { 1 } else { 5 };
    options.max_connections(connections).sqlx_logging(false);
    options
}

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(options(url))
        .await
        .unwrap_or_else(|error| panic!("no database at {url}: {error}"))
}
