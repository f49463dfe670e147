//! A connection to the embedded file that bypasses the program.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, prelude::Uuid};

use super::Home;

/// A connection to the embedded file that bypasses the program.
pub struct Look {
    runtime: tokio::runtime::Runtime,
    connection: DatabaseConnection,
}

impl Look {
    pub fn at(home: &Home) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let url = format!("sqlite://{}", home.database().display());
        let connection = runtime.block_on(Database::connect(url)).expect("a file");
        Self {
            runtime,
            connection,
        }
    }

    pub fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let row = self
            .runtime
            .block_on(self.connection.query_one_raw(statement));
        row.expect("it answers")
            .expect("a row")
            .try_get_by_index(0)
            .expect("a number")
    }

    pub fn id(&self, sql: &str) -> String {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let row = self
            .runtime
            .block_on(self.connection.query_one_raw(statement));
        let row = row.expect("it answers").expect("a row");
        row.try_get_by_index::<Uuid>(0).expect("an id").to_string()
    }

    pub fn execute(&self, sql: &str) {
        let done = self
            .runtime
            .block_on(self.connection.execute_unprepared(sql));
        done.expect("it may");
    }
}
