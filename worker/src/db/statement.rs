//! A statement for both databases.

use sea_orm::DbBackend;

/// The constant text of a statement in both dialects.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    /// The text for PostgreSQL.
    pub postgres: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
}

impl Sql {
    /// The text for a database.
    pub const fn text(&self, backend: DbBackend) -> &'static str {
        match backend {
            DbBackend::Sqlite => self.sqlite,
            _ => self.postgres,
        }
    }
}
