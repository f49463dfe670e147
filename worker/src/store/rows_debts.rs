//! Revocations and debts of a group as columns, in the order of the parameters of the statements in
//! [`super::sql`].

use ledger::{DebtChange, RevokedDeposit};

use crate::db::bulk::Column;

/// Deposits that may have no row yet.
pub fn revoked_deposits(deposits: &[RevokedDeposit<'_>]) -> Vec<Column> {
    let users = deposits.iter().map(|deposit| deposit.user_id.to_owned());
    vec![
        Column::Id(deposits.iter().map(|one| one.transaction_id).collect()),
        Column::Text(users.collect()),
        Column::Number(deposits.iter().map(|one| one.issued).collect()),
    ]
}

/// What a group revoked of deposits.
pub fn revoked(deposits: &[RevokedDeposit<'_>]) -> Vec<Column> {
    let number =
        |of: fn(&RevokedDeposit<'_>) -> i64| Column::Number(deposits.iter().map(of).collect());
    let mut columns = revoked_deposits(deposits);
    columns.extend([
        number(|deposit| deposit.change.revoked),
        number(|deposit| deposit.change.fraction),
        number(|deposit| deposit.change.taken),
        number(|deposit| deposit.change.indebted),
    ]);
    columns
}

/// New debts.
pub fn new_debts(changes: &[&DebtChange<'_>]) -> Vec<Column> {
    let users = changes.iter().map(|change| change.debt.user_id.clone());
    let mut columns = vec![
        Column::Id(changes.iter().map(|one| one.debt.id).collect()),
        Column::Text(users.collect()),
        Column::Id(changes.iter().map(|one| one.debt.revocation_id).collect()),
        Column::Id(changes.iter().map(|one| one.debt.deposit_id).collect()),
        Column::Number(changes.iter().map(|one| one.debt.amount).collect()),
    ];
    columns.extend(settled(changes));
    columns
}

/// What a group settled of stored debts.
pub fn changed_debts(changes: &[&DebtChange<'_>]) -> Vec<Column> {
    let mut columns = vec![Column::Id(changes.iter().map(|one| one.debt.id).collect())];
    columns.extend(settled(changes));
    columns
}

fn settled(changes: &[&DebtChange<'_>]) -> [Column; 3] {
    let number = |of: fn(&DebtChange<'_>) -> i64| {
        Column::Number(changes.iter().map(|one| of(one)).collect())
    };
    [
        number(|change| change.repaid),
        number(|change| change.forgiven),
        number(|change| change.cancelled),
    ]
}
