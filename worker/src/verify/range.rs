//! Checks one range of users in one snapshot.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, FromQueryResult, Statement,
    Value,
};

use super::{Options, Report, Scope, VerifyError, book::Book, rules, subscriptions};
use crate::read::sql::snapshot;

#[derive(FromQueryResult)]
struct Counts {
    users: i64,
    batches: i64,
    transactions: i64,
    allocations: i64,
}

const COUNTS: &str = "\
SELECT (SELECT count(*) FROM credits_balance WHERE user_id > $1 AND user_id <= $2) AS users,
       (SELECT count(*) FROM credits_batch WHERE user_id > $1 AND user_id <= $2) AS batches,
       (SELECT count(*) FROM credits_transaction WHERE user_id > $1 AND user_id <= $2) AS transactions,
       (SELECT count(*) FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
         WHERE t.user_id > $1 AND t.user_id <= $2) AS allocations";

/// The number of wallets.
pub(super) async fn count_users(db: &DatabaseConnection) -> Result<u64, VerifyError> {
    let statement = Statement::from_string(
        db.get_database_backend(),
        "SELECT count(*) FROM credits_balance",
    );
    let count = async {
        let row = db.query_one_raw(statement).await?;
        row.map_or(Ok(0), |row| row.try_get_by_index::<i64>(0))
    };
    Ok(count
        .await
        .map_err(VerifyError::reading("the number of wallets"))?
        .unsigned_abs())
}

/// Checks the users after `lower`. Returns the last user of the range, or `None` after the last
/// range.
pub(super) async fn check(
    db: &DatabaseConnection,
    options: &Options,
    lower: &str,
    report: &mut Report,
    book: &mut Book,
) -> Result<Option<String>, VerifyError> {
    let snapshot = snapshot(db)
        .await
        .map_err(VerifyError::reading("a range of users"))?;
    let last = last_user(&snapshot, lower, options.users_per_range)
        .await
        .map_err(VerifyError::reading("a range of users"))?;
    // Ids have at most 200 bytes, so this text sorts after all of them.
    let after_all = char::MAX.to_string().repeat(51);
    let bounds = (lower, last.as_deref().unwrap_or(&after_all));
    count(&snapshot, bounds, report)
        .await
        .map_err(VerifyError::reading("a range of users"))?;
    for rule in rules().filter(|rule| rule.scope == Scope::Users) {
        rule.check(&snapshot, bounds, report)
            .await
            .map_err(VerifyError::reading(rule.name))?;
    }
    subscriptions::check(&snapshot, bounds, report).await?;
    book.add(&snapshot, bounds).await?;
    snapshot
        .rollback()
        .await
        .map_err(VerifyError::reading("a range of users"))?;
    Ok(last)
}

/// Checks the rows that no range of users covers.
pub(super) async fn check_orphans(
    db: &DatabaseConnection,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let failed = || VerifyError::reading("the rows that no range of users covers");
    let snapshot = snapshot(db).await.map_err(failed())?;
    for rule in rules().filter(|rule| rule.scope == Scope::Book) {
        rule.check(&snapshot, ("", ""), report)
            .await
            .map_err(VerifyError::reading(rule.name))?;
    }
    snapshot.rollback().await.map_err(failed())
}

/// The last user of the range that begins after `lower`. `None` if fewer than `users` users are
/// left.
async fn last_user(
    snapshot: &DatabaseTransaction,
    lower: &str,
    users: u32,
) -> Result<Option<String>, DbErr> {
    let text =
        "SELECT user_id FROM credits_balance WHERE user_id > $1 ORDER BY user_id LIMIT 1 OFFSET $2";
    let values: [Value; 2] = [lower.into(), i64::from(users.max(1) - 1).into()];
    let statement = Statement::from_sql_and_values(snapshot.get_database_backend(), text, values);
    snapshot
        .query_one_raw(statement)
        .await?
        .map(|row| row.try_get_by_index(0))
        .transpose()
}

async fn count(
    snapshot: &DatabaseTransaction,
    bounds: (&str, &str),
    report: &mut Report,
) -> Result<(), DbErr> {
    let values: [Value; 2] = [bounds.0.into(), bounds.1.into()];
    let statement = Statement::from_sql_and_values(snapshot.get_database_backend(), COUNTS, values);
    if let Some(counts) = Counts::find_by_statement(statement).one(snapshot).await? {
        report.users_checked += counts.users.unsigned_abs();
        report.batches_checked += counts.batches.unsigned_abs();
        report.transactions_checked += counts.transactions.unsigned_abs();
        report.allocations_checked += counts.allocations.unsigned_abs();
    }
    Ok(())
}
