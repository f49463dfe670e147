//! A temporary schema for the demo, so that it leaves nothing in an existing ledger.

use sea_orm::ConnectionTrait;

use super::{Purpose, StoreError, StoreOptions, connect};

/// A schema in a PostgreSQL database. It exists until [`Self::drop`] is called.
#[derive(Clone, Debug)]
pub struct TempSchema {
    server: String,
    name: String,
}

impl TempSchema {
    /// Creates the schema. The name must consist of letters, digits and `_`.
    pub async fn create(url: &str, name: String) -> Result<Self, StoreError> {
        let schema = Self {
            server: url.to_owned(),
            name,
        };
        schema.execute("CREATE SCHEMA", "").await?;
        Ok(schema)
    }

    /// The URL of the database with this schema instead of the default one.
    pub fn url(&self) -> String {
        let separator = if self.server.contains('?') { '&' } else { '?' };
        format!(
            "{}{separator}options[search_path]={}",
            self.server, self.name
        )
    }

    /// Drops the schema with everything in it.
    pub async fn drop(&self) -> Result<(), StoreError> {
        self.execute("DROP SCHEMA IF EXISTS", " CASCADE").await
    }

    async fn execute(&self, verb: &'static str, suffix: &'static str) -> Result<(), StoreError> {
        let one = StoreOptions {
            max_connections: 1,
            ..StoreOptions::default()
        };
        let connection = connect(&self.server, Purpose::Read, &one).await?;
        let done = connection
            .execute_unprepared(&format!("{verb} \"{}\"{suffix}", self.name))
            .await
            .map_err(StoreError::database("create or drop a schema"));
        let _ = connection.close().await;
        done.map(drop)
    }
}
