//! Verification: checks every invariant of the ledger on a live database.
//!
//! [`verify`] checks the users in ranges, in the order of their ids. Each range is one snapshot
//! (REPEATABLE READ and read-only on PostgreSQL, one read transaction on SQLite), and each [`Rule`]
//! is one set-based statement in it. So verification may run on a busy ledger: a snapshot contains
//! a concurrent transaction with all its rows or not at all. The ranges cover every possible user
//! id, so they include rows of users without a wallet. The sums of the whole book are the sums of
//! all ranges.
//!
//! Every column that the ledger writes is checked against another row, or is in the table "What
//! `verify` cannot find" of docs/reference/schema.md. A test changes each column of each row in turn.
//!
//! Uniqueness of references is not checked: only the unique index could find a duplicate, and it
//! refuses duplicates already. The order of `balance_after` and of `batch_remaining` is checked
//! without any clock: see `wallet.balances_after_form_a_chain`.

mod book;
mod error;
mod options;
mod range;
mod report;
mod rule;
mod rules;
mod sql;
mod subscriptions;

use chrono::{DateTime, Utc};
use sea_orm::DatabaseConnection;

pub use error::VerifyError;
pub use options::Options;
pub use report::{BookSummary, Issued, Progress, Report, Violation};
pub use rule::{Rule, Scope};
pub use rules::rules;

/// Checks the whole ledger. `progress` is called after each range. `now` is only written into the
/// report.
pub async fn verify<F>(
    db: &DatabaseConnection,
    options: &Options,
    now: DateTime<Utc>,
    mut progress: F,
) -> Result<Report, VerifyError>
where
    F: FnMut(Progress) + Send,
{
    let mut report = Report::new(now, options.max_violations);
    let mut book = book::Book::default();
    let users_total = range::count_users(db).await?;
    let mut after = Some(String::new());
    while let Some(lower) = after {
        after = range::check(db, options, &lower, &mut report, &mut book).await?;
        progress(Progress {
            users_checked: report.users_checked,
            users_total,
        });
    }
    range::check_orphans(db, &mut report).await?;
    book.close(&mut report);
    Ok(report)
}
