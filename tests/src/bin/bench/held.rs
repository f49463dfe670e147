//! A connection to the database that is held, since the pool asks whether one still stands whenever it comes back.

use scrip::store::Store;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};

/// A connection of one's own. The library lends one for a transaction only, so it is left to believe that one lasts all
/// the time. The database has seen the end of that; what it sees next is begun and ended by statements.
pub struct Held {
    connection: DatabaseTransaction,
    begin: &'static str,
}

impl Held {
    /// Takes one out of the store's pool.
    pub async fn of(store: &Store) -> Self {
        let held = Self {
            connection: store.begin().await.expect("a connection"),
            begin: match store.backend() {
                DbBackend::Sqlite => "BEGIN IMMEDIATE",
                _ => "BEGIN",
            },
        };
        held.roll_back().await.expect("a connection at rest");
        held
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<&DatabaseTransaction, DbErr> {
        self.run(self.begin).await?;
        Ok(&self.connection)
    }

    /// Commits it.
    pub async fn commit(&self) -> Result<(), DbErr> {
        self.run("COMMIT").await
    }

    /// Rolls it back.
    pub async fn roll_back(&self) -> Result<(), DbErr> {
        self.run("ROLLBACK").await
    }

    /// Gives the connection back to the pool.
    pub async fn release(self) {
        // There has to be something that the library can roll back.
        self.run(self.begin).await.expect("a transaction");
        self.connection.rollback().await.expect("an end");
    }

    async fn run(&self, sql: &str) -> Result<(), DbErr> {
        self.connection.execute_unprepared(sql).await.map(drop)
    }
}
