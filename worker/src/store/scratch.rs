//! A schema of its own for what is thrown away afterwards: the demo leaves nothing in anybody's ledger.

use sea_orm::ConnectionTrait;

use super::{Purpose, StoreError, StoreOptions, connect};

/// A schema in a PostgreSQL database, with everything in it, until it is dropped.
#[derive(Clone, Debug)]
pub struct ScratchSchema {
    server: String,
    name: String,
}

impl ScratchSchema {
    /// Creates it. The name must be a plain one: letters, digits and `_`.
    pub async fn create(url: &str, name: String) -> Result<Self, StoreError> {
        let schema = Self {
            server: url.to_owned(),
            name,
        };
        schema.execute("CREATE SCHEMA", "").await?;
        Ok(schema)
    }

    /// The database's URL with this schema in place of the default one.
    pub fn url(&self) -> String {
        let separator = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{separator}options[search_path]={}", self.server, self.name)
    }

    /// Drops it, with everything in it.
    pub async fn drop(&self) -> Result<(), StoreError> {
        self.execute("DROP SCHEMA IF EXISTS", " CASCADE").await
    }

    async fn execute(&self, verb: &'static str, how: &'static str) -> Result<(), StoreError> {
        let one = StoreOptions {
            max_connections: 1,
            ..StoreOptions::default()
        };
        let connection = connect(&self.server, Purpose::Read, &one).await?;
        let done = connection
            .execute_unprepared(&format!("{verb} \"{}\"{how}", self.name))
            .await
            .map_err(StoreError::database("make or drop a schema"));
        let _ = connection.close().await;
        done.map(drop)
    }
}
