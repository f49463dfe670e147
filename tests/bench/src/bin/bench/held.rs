//! A connection to the database that is held for the whole measurement. The pool would check a
//! connection each time that it is returned.

use scrip::store::Store;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};

/// A connection that is not shared. The library reserves a connection only for a transaction, so it
/// must believe that one transaction lasts all the time. In the database that transaction has
/// ended, and statements begin and end the later ones.
pub struct Held {
    connection: DatabaseTransaction,
    begin: &'static str,
}

impl Held {
    /// Takes a connection from the store's pool.
    pub async fn take(store: &Store) -> Self {
        let held = Self {
            connection: store.begin().await.expect("a connection"),
            begin: match store.backend() {
                DbBackend::Sqlite => "BEGIN IMMEDIATE",
                _ => "BEGIN",
            },
        };
        held.roll_back().await.expect("an idle connection");
        held
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<&DatabaseTransaction, DbErr> {
        self.run(self.begin).await?;
        Ok(&self.connection)
    }

    /// Commits the transaction.
    pub async fn commit(&self) -> Result<(), DbErr> {
        self.run("COMMIT").await
    }

    /// Rolls the transaction back.
    pub async fn roll_back(&self) -> Result<(), DbErr> {
        self.run("ROLLBACK").await
    }

    /// Returns the connection to the pool.
    pub async fn release(self) {
        // The library needs a transaction that it can roll back.
        self.run(self.begin).await.expect("a transaction");
        self.connection.rollback().await.expect("an end");
    }

    async fn run(&self, sql: &str) -> Result<(), DbErr> {
        self.connection.execute_unprepared(sql).await.map(drop)
    }
}
