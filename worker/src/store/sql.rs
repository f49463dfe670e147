//! The statements of the group commit, each in a file for PostgreSQL and in one for SQLite.
//!
//! Every text is constant. The number of rows is in the parameters (`db/bulk.rs`). Each comment
//! names the parameters in their order, and after `→` the result.

use crate::{
    db::Sql,
    read::sql::{ALLOCATIONS, SUBSCRIPTIONS},
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

/// Reads the first batches of each user in spending order. `users, limit` → batches.
pub const BATCHES: Sql = Sql {
    postgres: include_str!("postgres/batches.sql"),
    sqlite: include_str!("sqlite/batches.sql"),
};

/// Inserts transactions on SQLite. `(id, user, type, amount, origin, reference, occurred at, other
/// account, fingerprint, error code, balance after, service, quantity, purchase, purchase line,
/// related, description, metadata, detail, subscription, period start, sender), now`.
pub const INSERT_TRANSACTIONS: &str = include_str!("sqlite/insert_transactions.sql");

/// Inserts batches on SQLite. `(id, user, amount, remaining, held, issued at, status, source,
/// transaction, expirations, expires at, plan, period, paid, currency), now`.
pub const INSERT_BATCHES: &str = include_str!("sqlite/insert_batches.sql");

/// Inserts allocations on SQLite. `(transaction, batch, amount, remaining), now`.
pub const INSERT_ALLOCATIONS: &str = include_str!("sqlite/insert_allocations.sql");

/// Updates batches on SQLite. `(id, remaining, held, status, expirations), now`.
pub const UPDATE_BATCHES: &str = include_str!("sqlite/update_batches.sql");

/// Updates wallets on SQLite, each only from the version that was read. A wallet with version 0 is
/// opened. `(id, balance, held, earned, spent, count, new version, status, next due at), now`.
pub const UPDATE_WALLETS: &str = include_str!("sqlite/update_wallets.sql");

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
/// Parameters: changed wallets as in [`UPDATE_WALLETS`]; `(id, version)` of the wallets to lock;
/// then as in [`INSERT_TRANSACTIONS`], [`INSERT_BATCHES`], [`INSERT_ALLOCATIONS`] and
/// [`UPDATE_BATCHES`]; and `now` once, or null for the clock of the database. → the booking time
/// `at`.
pub const WRITE_GROUP: &str = include_str!("postgres/write_group.sql");

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
pub const ALL: [(&str, &str); 14] = [
    ("prepare wallets", PREPARE_WALLETS.postgres),
    ("lock wallets", LOCK_WALLETS.postgres),
    ("known references", KNOWN_REFERENCES.postgres),
    ("related transactions", RELATED_TRANSACTIONS.postgres),
    ("allocations", ALLOCATIONS.postgres),
    ("registered", REGISTERED.postgres),
    ("credited payments", CREDITED_PAYMENTS.postgres),
    ("batches", BATCHES.postgres),
    ("drop unopened", DROP_UNOPENED.postgres),
    ("subscriptions", SUBSCRIPTIONS.postgres),
    ("write subscriptions", WRITE_SUBSCRIPTIONS.postgres),
    ("read wallets", READ_WALLETS),
    ("write a group", WRITE_GROUP),
    ("write a single consume", WRITE_SINGLE_CONSUME),
];
