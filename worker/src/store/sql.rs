//! The statements of the group commit, each in a file for PostgreSQL and in one for SQLite.
//!
//! Every text is constant. The number of rows is in the parameters (`db/bulk.rs`). Each comment
//! names the parameters in their order, and after `→` the result.

use crate::{
    db::Sql,
    read::sql::{ALLOCATIONS, DEBTS, SUBSCRIPTIONS},
};

/// Inserts the missing wallets of commands that open one. `(ids, users), now` → the users who had
/// no wallet.
pub const PREPARE_WALLETS: Sql = Sql {
    postgres: include_str!("postgres/prepare_wallets.sql"),
    sqlite: include_str!("sqlite/prepare_wallets.sql"),
};

/// Locks wallets in the order of their users. `users` → wallets.
pub const LOCK_WALLETS: Sql = Sql {
    postgres: include_str!("postgres/lock_wallets.sql"),
    sqlite: include_str!("sqlite/lock_wallets.sql"),
};

/// Looks up references. `(origins, references, senders)` → their transactions.
///
/// The senders are absent if references are unique per origin. Otherwise an empty sender means a
/// command without one.
pub const KNOWN_REFERENCES: Sql = Sql {
    postgres: include_str!("postgres/known_references.sql"),
    sqlite: include_str!("sqlite/known_references.sql"),
};

/// Reads the related transactions of commands: bonuses of purchases, grants of subscriptions.
/// `ids` → transactions.
pub const RELATED_TRANSACTIONS: Sql = Sql {
    postgres: include_str!("postgres/related_transactions.sql"),
    sqlite: include_str!("sqlite/related_transactions.sql"),
};

/// Looks up which users had the registration bonus. `users` → those users.
pub const REGISTERED: Sql = Sql {
    postgres: include_str!("postgres/registered.sql"),
    sqlite: include_str!("sqlite/registered.sql"),
};

/// Looks up which payments were credited. `(purchases, purchase lines)` → their transactions. The
/// line is empty for a payment without lines.
pub const CREDITED_PAYMENTS: Sql = Sql {
    postgres: include_str!("postgres/credited_payments.sql"),
    sqlite: include_str!("sqlite/credited_payments.sql"),
};

/// Reads the completed transactions that refunds name. `(origins, references, users)` → one row for
/// each batch that they took from, with the credits that were returned so far.
pub const ORIGINALS: Sql = Sql {
    postgres: include_str!("postgres/originals.sql"),
    sqlite: include_str!("sqlite/originals.sql"),
};

/// Reads deposits with the batches that have their credits. `(origins, references, users),
/// (purchases, purchase lines, users), ids` → one row for each batch, with what has expired of it,
/// and one row for a deposit without batches. Purchases come with their bonuses. A row may come
/// twice.
pub const DEPOSITS: Sql = Sql {
    postgres: include_str!("postgres/deposits.sql"),
    sqlite: include_str!("sqlite/deposits.sql"),
};

/// Reads the revocations that reinstatements name. `(origins, references, users)` → one row for each
/// batch that a part took from, and one row for a part that took nothing; in the order of the
/// parts.
pub const REVOCATIONS: Sql = Sql {
    postgres: include_str!("postgres/revocations.sql"),
    sqlite: include_str!("sqlite/revocations.sql"),
};

/// Reads the first batches of each user in spending order. `users, limit` → batches.
pub const BATCHES: Sql = Sql {
    postgres: include_str!("postgres/batches.sql"),
    sqlite: include_str!("sqlite/batches.sql"),
};

/// Reads holds with their slices: the open ones of `users`, and the closed ones that captures and
/// releases name. `ORDER BY` and `OFFSET 0` make PostgreSQL look up each user in the index of open
/// holds: for a young table it would choose another index and read all of it. `users, (users,
/// references)` → one row for each slice, and one row for a hold without slices.
pub const HOLDS: Sql = Sql {
    postgres: include_str!("postgres/holds.sql"),
    sqlite: include_str!("sqlite/holds.sql"),
};

/// Inserts transactions on SQLite. `(id, user, type, amount, origin, reference, occurred at, other
/// account, fingerprint, error code, balance after, service, quantity, purchase, purchase line,
/// related, description, metadata, detail, subscription, period start, sender, change of debt), now`.
pub const INSERT_TRANSACTIONS: &str = include_str!("sqlite/insert_transactions.sql");

/// Inserts batches on SQLite. `(id, user, amount, remaining, held, issued at, status, source,
/// transaction, expirations, expires at, plan, period, paid, currency, deposit), now`.
pub const INSERT_BATCHES: &str = include_str!("sqlite/insert_batches.sql");

/// Inserts allocations on SQLite. `(transaction, batch, amount, remaining), now`.
pub const INSERT_ALLOCATIONS: &str = include_str!("sqlite/insert_allocations.sql");

/// Updates batches on SQLite. `(id, remaining, held, status, expirations), now`.
pub const UPDATE_BATCHES: &str = include_str!("sqlite/update_batches.sql");

/// Updates wallets on SQLite, each only from the version that was read. A wallet with version 0 is
/// opened. `(id, balance, held, earned, spent, count, new version, status, next due at, holds end
/// at, debt), now`.
pub const UPDATE_WALLETS: &str = include_str!("sqlite/update_wallets.sql");

/// Inserts holds on SQLite. `(id, user, origin, reference, service, amount, captured, status,
/// expires at, sender, credits and units of the price, closed at), now`.
pub const INSERT_HOLDS: &str = include_str!("sqlite/insert_holds.sql");

/// Inserts slices of holds on SQLite. `(hold, position, batch, amount, captured), now`.
pub const INSERT_HOLD_SLICES: &str = include_str!("sqlite/insert_hold_slices.sql");

/// Updates holds on SQLite. `(id, captured, status, closed at), now`.
pub const UPDATE_HOLDS: &str = include_str!("sqlite/update_holds.sql");

/// Updates slices of holds on SQLite. `(hold, batch, captured), now`.
pub const UPDATE_HOLD_SLICES: &str = include_str!("sqlite/update_hold_slices.sql");

/// Deletes wallets that were inserted by [`PREPARE_WALLETS`] and stayed unopened. `ids`.
pub const DROP_UNOPENED: Sql = Sql {
    postgres: include_str!("postgres/drop_unopened.sql"),
    sqlite: include_str!("sqlite/drop_unopened.sql"),
};

/// Writes subscriptions, each only if it is new or belongs to the same user. `(id, user, plan,
/// status, anchor, status at, status since, activated at, ended at, paid through, due at), now`.
pub const WRITE_SUBSCRIPTIONS: Sql = Sql {
    postgres: include_str!("postgres/write_subscriptions.sql"),
    sqlite: include_str!("sqlite/write_subscriptions.sql"),
};

/// Counts the credits that a group returned of consumptions. `(transaction, user, taken, returned),
/// now`.
pub const WRITE_REFUNDS: Sql = Sql {
    postgres: include_str!("postgres/write_refunds.sql"),
    sqlite: include_str!("sqlite/write_refunds.sql"),
};

/// Adds a row for each deposit that has none, with nothing revoked. `(transaction, user, issued),
/// now`.
pub const INSERT_REVOCATIONS: Sql = Sql {
    postgres: include_str!("postgres/insert_revocations.sql"),
    sqlite: include_str!("sqlite/insert_revocations.sql"),
};

/// Adds to deposits what a group revoked of them, or subtracts what it reinstated. `(transaction,
/// user, issued, revoked, fraction, taken, indebted), now`.
pub const UPDATE_REVOCATIONS: Sql = Sql {
    postgres: include_str!("postgres/update_revocations.sql"),
    sqlite: include_str!("sqlite/update_revocations.sql"),
};

/// Inserts debts. `(id, user, revocation, deposit, amount, repaid, forgiven, cancelled), now`.
pub const INSERT_DEBTS: Sql = Sql {
    postgres: include_str!("postgres/insert_debts.sql"),
    sqlite: include_str!("sqlite/insert_debts.sql"),
};

/// Adds to debts what a group settled of them. `(id, repaid, forgiven, cancelled), now`.
pub const UPDATE_DEBTS: Sql = Sql {
    postgres: include_str!("postgres/update_debts.sql"),
    sqlite: include_str!("sqlite/update_debts.sql"),
};

/// Reads wallets without locking them, each with its first batches in spending order. PostgreSQL
/// only. `users, limit` → one row for each batch, and one row for a wallet without batches.
pub const READ_WALLETS: &str = include_str!("postgres/read_wallets.sql");

/// Writes a whole group on PostgreSQL. If a wallet has another version than the one that was read,
/// the statement fails with a serialization failure and writes nothing.
///
/// Wallets are updated first, in the given order. The other rows are written only after the `gate`
/// has found that all wallets matched. If some wallets are not changed, because their commands were
/// refused, all wallets are locked first (`held`), so that they are locked in one order.
///
/// Parameters: changed wallets as in [`UPDATE_WALLETS`], without the end of their holds and their
/// debt; `(id, version)` of the wallets to lock; then as in [`INSERT_TRANSACTIONS`] without the
/// change of debt, [`INSERT_BATCHES`] without the deposit, [`INSERT_ALLOCATIONS`] and
/// [`UPDATE_BATCHES`]; `now` once, or null for the clock of the database; the end of the holds of
/// the changed wallets; their debt; the changes of debt of the transactions; and the deposits of the
/// batches. → the booking time `at`.
pub const WRITE_GROUP: &str = concat!(
    include_str!("postgres/write_group.sql"),
    include_str!("postgres/write_group_result.sql"),
);

/// Writes a whole group like [`WRITE_GROUP`], with its holds.
///
/// Parameters: as in [`WRITE_GROUP`], then as in [`INSERT_HOLDS`], [`INSERT_HOLD_SLICES`],
/// [`UPDATE_HOLDS`] and [`UPDATE_HOLD_SLICES`], without `now`. → the booking time `at`.
pub const WRITE_GROUP_WITH_HOLDS: &str = concat!(
    include_str!("postgres/write_group.sql"),
    include_str!("postgres/write_group_holds.sql"),
);

/// Writes a group of one `consume` from one batch on PostgreSQL. If the wallet has another version
/// than the one that was read, the statement fails with a serialization failure and writes nothing.
/// It writes the same rows as [`WRITE_GROUP`], in the same order: it locks the wallet before it
/// inserts anything.
///
/// Parameters: the wallet as in [`UPDATE_WALLETS`], but without the due time; `(id, user, amount,
/// other account, origin, reference, fingerprint, balance after, service, quantity, description,
/// metadata, detail, occurred at)` of the transaction; `(amount, remaining)` of the allocation; the
/// batch as in [`UPDATE_BATCHES`]; `now`, or null for the clock of the database; the sender of the
/// transaction.
pub const WRITE_SINGLE_CONSUME: &str = include_str!("postgres/write_single_consume.sql");

/// All PostgreSQL statements by name, for the test that checks their plans.
pub const ALL: [(&str, &str); 25] = [
    ("prepare wallets", PREPARE_WALLETS.postgres),
    ("lock wallets", LOCK_WALLETS.postgres),
    ("known references", KNOWN_REFERENCES.postgres),
    ("related transactions", RELATED_TRANSACTIONS.postgres),
    ("allocations", ALLOCATIONS.postgres),
    ("registered", REGISTERED.postgres),
    ("credited payments", CREDITED_PAYMENTS.postgres),
    ("originals", ORIGINALS.postgres),
    ("deposits", DEPOSITS.postgres),
    ("revocations", REVOCATIONS.postgres),
    ("debts", DEBTS.postgres),
    ("batches", BATCHES.postgres),
    ("holds", HOLDS.postgres),
    ("drop unopened", DROP_UNOPENED.postgres),
    ("subscriptions", SUBSCRIPTIONS.postgres),
    ("write subscriptions", WRITE_SUBSCRIPTIONS.postgres),
    ("write refunds", WRITE_REFUNDS.postgres),
    ("insert revocations", INSERT_REVOCATIONS.postgres),
    ("update revocations", UPDATE_REVOCATIONS.postgres),
    ("insert debts", INSERT_DEBTS.postgres),
    ("update debts", UPDATE_DEBTS.postgres),
    ("read wallets", READ_WALLETS),
    ("write a group", WRITE_GROUP),
    ("write a group with holds", WRITE_GROUP_WITH_HOLDS),
    ("write a single consume", WRITE_SINGLE_CONSUME),
];
