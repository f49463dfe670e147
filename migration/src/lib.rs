//! The database schema, as migrations for PostgreSQL 13 or later and for SQLite.
//!
//! Each migration works with the worker that was built for it and with the worker of the previous
//! release. A migration only adds. A later release removes what no supported worker uses any more.
//! Indexes are the exception, because without one the previous worker is slower but still correct.
//!
//! This crate never imports the entities: a migration describes the schema of its own release, and
//! the entities may have changed since then.

mod m20261130_000001_baseline;
mod m20261201_000001_refund;
mod m20261201_000002_holds;
mod m20261201_000003_recover;
mod m20261201_000004_debt;
mod m20261202_000001_http_token;
mod m20261203_000001_payments;
mod references;
mod run;

use sea_orm_migration::prelude::*;

pub use references::{ReferenceKey, ReferenceKeyError, reference_key, set_reference_key};
pub use run::{Step, down, is_current, status, up};
pub use sea_orm_migration::MigratorTrait;

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261130_000001_baseline::Migration),
            Box::new(m20261201_000001_refund::Migration),
            Box::new(m20261201_000002_holds::Migration),
            Box::new(m20261201_000003_recover::Migration),
            Box::new(m20261201_000004_debt::Migration),
            Box::new(m20261202_000001_http_token::Migration),
            Box::new(m20261203_000001_payments::Migration),
        ]
    }

    /// A separate table, so that Scrip can share a database with an application that uses the
    /// default table.
    fn migration_table_name() -> DynIden {
        run::TABLE.into_iden()
    }
}
