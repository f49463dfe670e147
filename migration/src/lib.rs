//! The database schema, as migrations for PostgreSQL 13 or later and for SQLite.
//!
//! Each migration works with the worker that was built for it and with the worker of the previous
//! release. A migration only adds. A later release removes what no supported worker uses any more.
//! Indexes are the exception, because without one the previous worker is slower but still correct.
//!
//! This crate never imports the entities: a migration describes the schema of its own release, and
//! the entities may have changed since then.

mod dialect;
mod m20261122_000001_ledger;
mod m20261122_000002_subscription;
mod m20261122_000003_job_run;
mod m20261122_000004_embedded_queue;
mod m20261122_000005_delivery_attempt;
mod m20261124_000006_booked;
mod m20261125_000007_expect;
mod m20261125_000008_short_checks;
mod m20261126_000009_rules;
mod m20261127_000010_batch_uses;
mod m20261129_000011_due_periods;
mod m20261129_000012_payment;
mod m20261129_000013_ledger_identity;
mod m20261129_000015_job_claim;
mod m20261129_000016_sender;
mod m20261129_000017_audit;
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
            Box::new(m20261122_000001_ledger::Migration),
            Box::new(m20261122_000002_subscription::Migration),
            Box::new(m20261122_000003_job_run::Migration),
            Box::new(m20261122_000004_embedded_queue::Migration),
            Box::new(m20261122_000005_delivery_attempt::Migration),
            Box::new(m20261124_000006_booked::Migration),
            Box::new(m20261125_000007_expect::Migration),
            Box::new(m20261125_000008_short_checks::Migration),
            Box::new(m20261126_000009_rules::Migration),
            Box::new(m20261127_000010_batch_uses::Migration),
            Box::new(m20261129_000011_due_periods::Migration),
            Box::new(m20261129_000012_payment::Migration),
            Box::new(m20261129_000013_ledger_identity::Migration),
            Box::new(m20261129_000015_job_claim::Migration),
            Box::new(m20261129_000016_sender::Migration),
            Box::new(m20261129_000017_audit::Migration),
        ]
    }

    /// A separate table, so that Scrip can share a database with an application that uses the
    /// default table.
    fn migration_table_name() -> DynIden {
        run::TABLE.into_iden()
    }
}
