//! The statements of the group commit, for PostgreSQL and SQLite side by side.
//!
//! Every text is constant. The number of rows is in the parameters (`bulk.rs`). Each comment names
//! the parameters in their order, and after `→` the result.

use crate::{
    db::Sql,
    read::sql::{ALLOCATIONS, SUBSCRIPTIONS},
};

/// Inserts the missing wallets of commands that open one. `(ids, users), now` → the users who had
/// no wallet.
pub const PREPARE_WALLETS: Sql = Sql {
    postgres: r"INSERT INTO credits_balance (id, user_id, balance, held, total_earned, total_spent,
          transaction_count, status, version, created_at, updated_at)
        SELECT n.id, n.user_id, 0, 0, 0, 0, 0, 'ACTIVE', 0, $3, $3
        FROM UNNEST($1::uuid[], $2::text[]) AS n (id, user_id)
        ON CONFLICT (user_id) DO NOTHING RETURNING user_id",
    sqlite: r"INSERT INTO credits_balance (id, user_id, balance, held, total_earned, total_spent,
          transaction_count, status, version, created_at, updated_at)
        SELECT unhex(value ->> 0), value ->> 1, 0, 0, 0, 0, 0, 'ACTIVE', 0, $2, $2 FROM jsonb_each($1)
        WHERE true ON CONFLICT (user_id) DO NOTHING RETURNING user_id",
};

/// Locks wallets in the order of their users. `users` → wallets.
pub const LOCK_WALLETS: Sql = Sql {
    postgres: r"SELECT id AS wallet_id, user_id, balance, held AS wallet_held, total_earned, total_spent,
          transaction_count, status AS wallet_status, version, next_due_at
        FROM credits_balance WHERE user_id = ANY($1) ORDER BY user_id FOR UPDATE",
    sqlite: r"SELECT id AS wallet_id, user_id, balance, held AS wallet_held, total_earned, total_spent,
          transaction_count, status AS wallet_status, version, next_due_at
        FROM credits_balance WHERE user_id IN (SELECT value ->> 0 FROM jsonb_each($1)) ORDER BY user_id",
};

/// Looks up references. `(origins, references, senders)` → their transactions.
///
/// If the senders are an empty column, references are unique per origin. Otherwise an empty sender
/// means a command without one.
pub const KNOWN_REFERENCES: Sql = Sql {
    postgres: r"SELECT t.id, t.user_id, t.type, t.amount, t.origin, t.reference_id, t.sender::text AS sender, t.fingerprint, t.error_code,
          t.balance_after, t.detail::text AS detail
        FROM UNNEST($1::text[], $2::text[], $3::text[]) AS r (origin, reference_id, sender)
        JOIN credits_transaction t ON t.origin = r.origin AND t.reference_id = r.reference_id
          AND (r.sender IS NULL OR COALESCE(t.sender, '') = r.sender)",
    sqlite: r"SELECT t.id, t.user_id, t.type, t.amount, t.origin, t.reference_id, t.sender, t.fingerprint, t.error_code,
          t.balance_after, t.detail
        FROM jsonb_each($1) AS r
        JOIN credits_transaction t ON t.origin = r.value ->> 0 AND t.reference_id = r.value ->> 1
          AND (r.value ->> 2 IS NULL OR COALESCE(t.sender, '') = r.value ->> 2)",
};

/// Reads the related transactions of commands: bonuses of purchases, grants of subscriptions.
/// `ids` → transactions.
pub const BELONGING: Sql = Sql {
    postgres: r"SELECT id, related_id, type, amount, balance_after, error_code, detail::text AS detail
        FROM credits_transaction WHERE related_id = ANY($1) AND type IN ('bonus', 'monthly_grant') ORDER BY id",
    sqlite: r"SELECT id, related_id, type, amount, balance_after, error_code, detail
        FROM credits_transaction WHERE related_id IN (SELECT unhex(value ->> 0) FROM jsonb_each($1)) AND type IN ('bonus', 'monthly_grant')
        ORDER BY id",
};

/// Looks up which users had the registration bonus. `users` → those users.
pub const REGISTERED: Sql = Sql {
    postgres: r"SELECT user_id FROM credits_transaction
        WHERE user_id = ANY($1) AND type = 'registration_bonus' AND status = 'COMPLETED'",
    sqlite: r"SELECT user_id FROM credits_transaction WHERE user_id IN (SELECT value ->> 0 FROM jsonb_each($1))
        AND type = 'registration_bonus' AND status = 'COMPLETED'",
};

/// Looks up which payments were credited. `(purchases, purchase lines)` → their transactions. The
/// line is empty for a payment without lines.
pub const CREDITED_PAYMENTS: Sql = Sql {
    postgres: r"SELECT t.id, t.reference_id, t.purchase_id, t.purchase_line
        FROM UNNEST($1::text[], $2::text[]) AS p (purchase_id, purchase_line)
        JOIN credits_transaction t ON t.purchase_id = p.purchase_id AND COALESCE(t.purchase_line, '') = p.purchase_line
        WHERE t.type = 'purchase' AND t.status = 'COMPLETED' AND t.duplicate_of IS NULL",
    sqlite: r"SELECT t.id, t.reference_id, t.purchase_id, t.purchase_line
        FROM jsonb_each($1) AS p CROSS JOIN credits_transaction t
        WHERE t.purchase_id = p.value ->> 0 AND COALESCE(t.purchase_line, '') = p.value ->> 1
          AND t.type = 'purchase' AND t.status = 'COMPLETED' AND t.duplicate_of IS NULL",
};

/// Reads the first batches of each user in spending order. `users, limit` → batches.
pub const BATCHES: Sql = Sql {
    postgres: r"SELECT b.* FROM UNNEST($1::text[]) AS u (user_id) CROSS JOIN LATERAL (
          SELECT id, user_id, amount, remaining, held, issued_at, expires_at, source_type, source_plan,
            grant_period, paid_micros, currency, transaction_id, expirations
          FROM credits_batch WHERE user_id = u.user_id AND status = 'ACTIVE'
          ORDER BY (expires_at IS NULL), expires_at, (source_type = 'PURCHASE'), issued_at, id LIMIT $2) b",
    sqlite: r"SELECT * FROM (
          SELECT id, user_id, amount, remaining, held, issued_at, expires_at, source_type, source_plan,
            grant_period, paid_micros, currency, transaction_id, expirations,
            row_number() OVER (PARTITION BY user_id
              ORDER BY (expires_at IS NULL), expires_at, (source_type = 'PURCHASE'), issued_at, id) AS place
          FROM credits_batch WHERE status = 'ACTIVE' AND user_id IN (SELECT value ->> 0 FROM jsonb_each($1)))
        WHERE place <= $2",
};

/// Inserts transactions. `(id, user, type, amount, other account, origin, reference, fingerprint,
/// error code, balance after, service, quantity, purchase, purchase line, related, description,
/// metadata, detail, occurred at, subscription, period start, sender), now`.
///
/// On PostgreSQL a null `now` selects the clock of the database, and the statement returns the
/// booking time and the number of rows.
pub const INSERT_TRANSACTIONS: Sql = Sql {
    postgres: r"WITH booked AS MATERIALIZED (SELECT coalesce($23::timestamptz, clock_timestamp()) AS at),
      posted AS (
        INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, origin,
          reference_id, fingerprint, status, error_code, balance_after, service, quantity, purchase_id, purchase_line,
          related_id, description, metadata, detail, occurred_at, subscription_id, period_start, sender, created_at)
        SELECT t.id, t.user_id, t.type, t.amount,
          CASE WHEN t.amount < 0 THEN 'WALLET:' || t.user_id ELSE NULLIF(t.other, '') END,
          CASE WHEN t.amount > 0 THEN 'WALLET:' || t.user_id ELSE NULLIF(t.other, '') END,
          t.origin, t.reference_id, NULLIF(t.fingerprint, ''::bytea),
          CASE WHEN t.error_code > '' THEN 'FAILED' ELSE 'COMPLETED' END, NULLIF(t.error_code, ''),
          NULLIF(t.balance_after, -1), NULLIF(t.service, ''), NULLIF(t.quantity, -1), NULLIF(t.purchase_id, ''),
          NULLIF(t.purchase_line, ''),
          NULLIF(t.related_id, '00000000-0000-0000-0000-000000000000'::uuid), NULLIF(t.description, ''),
          NULLIF(t.metadata, '')::json, NULLIF(t.detail, '')::json, t.occurred_at,
          NULLIF(t.subscription_id, ''), NULLIF(t.period_start, '0001-01-01 00:00:00+00'), NULLIF(t.sender, ''), booked.at
        FROM booked CROSS JOIN UNNEST($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
            $8::bytea[], $9::text[], $10::bigint[], $11::text[], $12::bigint[], $13::text[], $14::text[], $15::uuid[],
            $16::text[], $17::text[], $18::text[], $19::timestamptz[], $20::text[], $21::timestamptz[], $22::text[])
          AS t (id, user_id, type, amount, other, origin, reference_id, fingerprint, error_code, balance_after,
            service, quantity, purchase_id, purchase_line, related_id, description, metadata, detail, occurred_at,
            subscription_id, period_start, sender)
        RETURNING 1)
      SELECT booked.at, (SELECT count(*) FROM posted) AS written FROM booked",
    sqlite: r"INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, origin,
          reference_id, fingerprint, status, error_code, balance_after, service, quantity, purchase_id, purchase_line,
          related_id, description, metadata, detail, occurred_at, subscription_id, period_start, sender, created_at)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3,
          CASE WHEN value ->> 3 < 0 THEN 'WALLET:' || (value ->> 1) ELSE NULLIF(value ->> 4, '') END,
          CASE WHEN value ->> 3 > 0 THEN 'WALLET:' || (value ->> 1) ELSE NULLIF(value ->> 4, '') END,
          value ->> 5, value ->> 6, unhex(NULLIF(value ->> 7, '')),
          CASE WHEN value ->> 8 > '' THEN 'FAILED' ELSE 'COMPLETED' END, NULLIF(value ->> 8, ''),
          NULLIF(value ->> 9, -1), NULLIF(value ->> 10, ''), NULLIF(value ->> 11, -1), NULLIF(value ->> 12, ''),
          NULLIF(value ->> 13, ''), NULLIF(unhex(value ->> 14), zeroblob(16)), NULLIF(value ->> 15, ''),
          NULLIF(value ->> 16, ''), NULLIF(value ->> 17, ''), value ->> 18, NULLIF(value ->> 19, ''),
          NULLIF(value ->> 20, '0001-01-01T00:00:00.000000+00:00'), NULLIF(value ->> 21, ''), $2
        FROM jsonb_each($1)",
};

/// Inserts batches. `(id, user, amount, remaining, held, issued at, expires at, status, source,
/// plan, period, paid, currency, transaction, expirations), now`.
pub const INSERT_BATCHES: Sql = Sql {
    postgres: r"INSERT INTO credits_batch (id, user_id, amount, remaining, held, issued_at, expires_at, status,
          source_type, source_plan, grant_period, paid_micros, currency, transaction_id, expirations, created_at,
          updated_at)
        SELECT b.id, b.user_id, b.amount, b.remaining, b.held, b.issued_at, NULLIF(b.expires_at, '0001-01-01 00:00:00+00'), b.status,
          b.source_type, NULLIF(b.source_plan, ''), NULLIF(b.grant_period, ''), NULLIF(b.paid_micros, -1),
          NULLIF(b.currency, ''), b.transaction_id, b.expirations, $16, $16
        FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[],
            $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::text[],
            $14::uuid[], $15::bigint[])
          AS b (id, user_id, amount, remaining, held, issued_at, expires_at, status, source_type, source_plan,
            grant_period, paid_micros, currency, transaction_id, expirations)",
    sqlite: r"INSERT INTO credits_batch (id, user_id, amount, remaining, held, issued_at, expires_at, status,
          source_type, source_plan, grant_period, paid_micros, currency, transaction_id, expirations, created_at,
          updated_at)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
          NULLIF(value ->> 6, '0001-01-01T00:00:00.000000+00:00'), value ->> 7, value ->> 8, NULLIF(value ->> 9, ''),
          NULLIF(value ->> 10, ''), NULLIF(value ->> 11, -1), NULLIF(value ->> 12, ''), unhex(value ->> 13),
          value ->> 14, $2, $2
        FROM jsonb_each($1)",
};

/// Inserts allocations. `(transaction, batch, amount, remaining), now`.
pub const INSERT_ALLOCATIONS: Sql = Sql {
    postgres: r"INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
        SELECT a.transaction_id, a.batch_id, a.amount, a.batch_remaining, $5
        FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
          AS a (transaction_id, batch_id, amount, batch_remaining)",
    sqlite: r"INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, $2 FROM jsonb_each($1)",
};

/// Updates batches. `(id, remaining, held, status, expirations), now`.
pub const UPDATE_BATCHES: Sql = Sql {
    postgres: r"UPDATE credits_batch b SET remaining = n.remaining, held = n.held, status = n.status,
          expirations = n.expirations, updated_at = $6
        FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])
          AS n (id, remaining, held, status, expirations)
        WHERE b.id = n.id",
    sqlite: r"UPDATE credits_batch SET remaining = n.value ->> 1, held = n.value ->> 2, status = n.value ->> 3,
          expirations = n.value ->> 4, updated_at = $2
        FROM jsonb_each($1) AS n WHERE credits_batch.id = unhex(n.value ->> 0)",
};

/// Updates wallets, each only from the version that was read. A wallet with version 0 is opened.
/// `(id, balance, held, earned, spent, count, new version, status, next due at), now`.
pub const UPDATE_WALLETS: Sql = Sql {
    postgres: r"UPDATE credits_balance w SET balance = n.balance, held = n.held, total_earned = n.total_earned,
          total_spent = n.total_spent, transaction_count = n.transaction_count, version = n.version, status = n.status,
          next_due_at = NULLIF(n.next_due_at, '0001-01-01 00:00:00+00'),
          created_at = CASE WHEN w.version = 0 THEN $10 ELSE w.created_at END, updated_at = $10
        FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::text[], $9::timestamptz[])
          AS n (id, balance, held, total_earned, total_spent, transaction_count, version, status, next_due_at)
        WHERE w.id = n.id AND w.version = n.version - 1",
    sqlite: r"UPDATE credits_balance SET balance = n.value ->> 1, held = n.value ->> 2, total_earned = n.value ->> 3,
          total_spent = n.value ->> 4, transaction_count = n.value ->> 5, version = n.value ->> 6,
          status = n.value ->> 7, next_due_at = NULLIF(n.value ->> 8, '0001-01-01T00:00:00.000000+00:00'),
          created_at = CASE WHEN credits_balance.version = 0 THEN $2 ELSE credits_balance.created_at END, updated_at = $2
        FROM jsonb_each($1) AS n
        WHERE credits_balance.id = unhex(n.value ->> 0) AND credits_balance.version = (n.value ->> 6) - 1",
};

/// Deletes wallets that were inserted by [`PREPARE_WALLETS`] and stayed unopened. `ids`.
pub const DROP_UNOPENED: Sql = Sql {
    postgres: r"DELETE FROM credits_balance WHERE id = ANY($1) AND version = 0",
    sqlite: r"DELETE FROM credits_balance WHERE id IN (SELECT unhex(value ->> 0) FROM jsonb_each($1)) AND version = 0",
};

/// Writes subscriptions, each only if it is new or belongs to the same user. `(id, user, plan,
/// status, anchor, activated at, ended at, paid through, due at, status at, status since), now`.
pub const WRITE_SUBSCRIPTIONS: Sql = Sql {
    postgres: r"INSERT INTO subscription (id, user_id, plan, status, anchor, activated_at, ended_at, paid_through,
          next_period_start, due_at, status_at, status_since, created_at, updated_at)
        SELECT s.id, s.user_id, s.plan, s.status, s.anchor, NULLIF(s.activated_at, '0001-01-01 00:00:00+00'),
          NULLIF(s.ended_at, '0001-01-01 00:00:00+00'), NULLIF(s.paid_through, '0001-01-01 00:00:00+00'),
          NULLIF(s.due_at, '0001-01-01 00:00:00+00'), NULLIF(s.due_at, '0001-01-01 00:00:00+00'), s.status_at,
          s.status_since, $12, $12
        FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[])
          AS s (id, user_id, plan, status, anchor, activated_at, ended_at, paid_through, due_at, status_at, status_since)
        ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, status = excluded.status, anchor = excluded.anchor,
          activated_at = excluded.activated_at, ended_at = excluded.ended_at, paid_through = excluded.paid_through,
          next_period_start = excluded.next_period_start, due_at = excluded.due_at, status_at = excluded.status_at,
          status_since = excluded.status_since, updated_at = excluded.updated_at
        WHERE subscription.user_id = excluded.user_id",
    sqlite: r"INSERT INTO subscription (id, user_id, plan, status, anchor, activated_at, ended_at, paid_through,
          next_period_start, due_at, status_at, status_since, created_at, updated_at)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
          NULLIF(value ->> 5, '0001-01-01T00:00:00.000000+00:00'), NULLIF(value ->> 6, '0001-01-01T00:00:00.000000+00:00'),
          NULLIF(value ->> 7, '0001-01-01T00:00:00.000000+00:00'), NULLIF(value ->> 8, '0001-01-01T00:00:00.000000+00:00'),
          NULLIF(value ->> 8, '0001-01-01T00:00:00.000000+00:00'), value ->> 9, value ->> 10, $2, $2
        FROM jsonb_each($1) WHERE true
        ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, status = excluded.status, anchor = excluded.anchor,
          activated_at = excluded.activated_at, ended_at = excluded.ended_at, paid_through = excluded.paid_through,
          next_period_start = excluded.next_period_start, due_at = excluded.due_at, status_at = excluded.status_at,
          status_since = excluded.status_since, updated_at = excluded.updated_at
        WHERE subscription.user_id = excluded.user_id",
};

/// Reads wallets without locking them, each with its first batches in spending order. PostgreSQL
/// only. `users, limit` → one row for each batch, and one row for a wallet without batches.
pub const READ_WALLETS: &str = r"SELECT w.id AS wallet_id, w.user_id, w.balance, w.held AS wallet_held, w.total_earned,
      w.total_spent, w.transaction_count, w.status AS wallet_status, w.version, w.next_due_at, b.*
    FROM UNNEST($1::text[]) AS u (user_id) JOIN credits_balance w ON w.user_id = u.user_id
    LEFT JOIN LATERAL (
      SELECT id, amount, remaining, held, issued_at, expires_at, source_type, source_plan, grant_period, paid_micros,
        currency, transaction_id, expirations
      FROM credits_batch WHERE user_id = w.user_id AND status = 'ACTIVE' AND w.balance > 0
      ORDER BY (expires_at IS NULL), expires_at, (source_type = 'PURCHASE'), issued_at, id LIMIT $2) b ON true";

/// Writes a whole group on PostgreSQL. If a wallet has another version than the one that was read,
/// the statement fails with a serialization failure and writes nothing.
///
/// Wallets are updated first, in the given order. The other rows are written only after the `gate`
/// has found that all wallets matched. If some wallets are not changed, because their commands were
/// refused, all wallets are locked first (`held`), so that they are locked in one order.
///
/// Parameters: changed wallets as in [`UPDATE_WALLETS`], but without the due time, which only the
/// pessimistic path changes; `(id, version)` of the wallets to lock; then as in
/// [`INSERT_TRANSACTIONS`], [`INSERT_BATCHES`], [`INSERT_ALLOCATIONS`] and [`UPDATE_BATCHES`]; and
/// `now` once, or null for the clock of the database.
pub const WRITE_GROUP: &str = r"WITH held AS (
      SELECT w.id FROM UNNEST($9::uuid[], $10::bigint[]) AS n (id, version)
      JOIN credits_balance w ON w.id = n.id AND w.version = n.version FOR UPDATE OF w),
    holding AS MATERIALIZED (
      SELECT credits_expect((SELECT count(*) FROM held), cardinality($9)) AS is_so,
        coalesce($57::timestamptz, clock_timestamp()) AS at),
    changed AS (
      UPDATE credits_balance w SET balance = n.balance, held = n.held, total_earned = n.total_earned,
        total_spent = n.total_spent, transaction_count = n.transaction_count, version = n.version, status = n.status,
        updated_at = holding.at
      FROM holding CROSS JOIN UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
          $7::bigint[], $8::text[])
        AS n (id, balance, held, total_earned, total_spent, transaction_count, version, status)
      WHERE holding.is_so AND w.id = n.id AND w.version = n.version - 1 RETURNING w.id),
    gate AS MATERIALIZED (
      SELECT holding.is_so AND credits_expect((SELECT count(*) FROM changed), cardinality($1)) AS is_open, holding.at FROM holding),
    posted AS (
      INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, origin, reference_id,
        fingerprint, status, error_code, balance_after, service, quantity, purchase_id, purchase_line, related_id, description,
        metadata, detail, occurred_at, subscription_id, period_start, sender, created_at)
      SELECT t.id, t.user_id, t.type, t.amount,
        CASE WHEN t.amount < 0 THEN 'WALLET:' || t.user_id ELSE NULLIF(t.other, '') END,
        CASE WHEN t.amount > 0 THEN 'WALLET:' || t.user_id ELSE NULLIF(t.other, '') END,
        t.origin, t.reference_id, NULLIF(t.fingerprint, ''::bytea),
        CASE WHEN t.error_code > '' THEN 'FAILED' ELSE 'COMPLETED' END, NULLIF(t.error_code, ''),
        NULLIF(t.balance_after, -1), NULLIF(t.service, ''), NULLIF(t.quantity, -1), NULLIF(t.purchase_id, ''),
        NULLIF(t.purchase_line, ''),
        NULLIF(t.related_id, '00000000-0000-0000-0000-000000000000'::uuid), NULLIF(t.description, ''),
        NULLIF(t.metadata, '')::json, NULLIF(t.detail, '')::json, t.occurred_at,
        NULLIF(t.subscription_id, ''), NULLIF(t.period_start, '0001-01-01 00:00:00+00'), NULLIF(t.sender, ''), gate.at
      FROM gate CROSS JOIN UNNEST($11::uuid[], $12::text[], $13::text[], $14::bigint[], $15::text[], $16::text[],
          $17::text[], $18::bytea[], $19::text[], $20::bigint[], $21::text[], $22::bigint[], $23::text[], $24::text[], $25::uuid[],
          $26::text[], $27::text[], $28::text[], $29::timestamptz[], $30::text[], $31::timestamptz[], $32::text[])
        AS t (id, user_id, type, amount, other, origin, reference_id, fingerprint, error_code, balance_after, service,
          quantity, purchase_id, purchase_line, related_id, description, metadata, detail, occurred_at, subscription_id,
          period_start, sender)
      WHERE gate.is_open),
    added AS (
      INSERT INTO credits_batch (id, user_id, amount, remaining, held, issued_at, expires_at, status, source_type,
        source_plan, grant_period, paid_micros, currency, transaction_id, expirations, created_at, updated_at)
      SELECT b.id, b.user_id, b.amount, b.remaining, b.held, b.issued_at,
        NULLIF(b.expires_at, '0001-01-01 00:00:00+00'), b.status, b.source_type, NULLIF(b.source_plan, ''),
        NULLIF(b.grant_period, ''), NULLIF(b.paid_micros, -1), NULLIF(b.currency, ''), b.transaction_id, b.expirations,
        gate.at, gate.at
      FROM gate CROSS JOIN UNNEST($33::uuid[], $34::text[], $35::bigint[], $36::bigint[], $37::bigint[],
          $38::timestamptz[], $39::timestamptz[], $40::text[], $41::text[], $42::text[], $43::text[], $44::bigint[],
          $45::text[], $46::uuid[], $47::bigint[])
        AS b (id, user_id, amount, remaining, held, issued_at, expires_at, status, source_type, source_plan,
          grant_period, paid_micros, currency, transaction_id, expirations)
      WHERE gate.is_open),
    allocated AS (
      INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
      SELECT a.transaction_id, a.batch_id, a.amount, a.batch_remaining, gate.at
      FROM gate CROSS JOIN UNNEST($48::uuid[], $49::uuid[], $50::bigint[], $51::bigint[])
        AS a (transaction_id, batch_id, amount, batch_remaining)
      WHERE gate.is_open),
    spent AS (
      UPDATE credits_batch b SET remaining = n.remaining, held = n.held, status = n.status,
        expirations = n.expirations, updated_at = gate.at
      FROM gate CROSS JOIN UNNEST($52::uuid[], $53::bigint[], $54::bigint[], $55::text[], $56::bigint[])
        AS n (id, remaining, held, status, expirations)
      WHERE gate.is_open AND b.id = n.id RETURNING b.id)
    SELECT credits_expect((SELECT count(*) FROM spent), cardinality($52))";

/// Writes a group of one `consume` from one batch on PostgreSQL. If the wallet has another version
/// than the one that was read, the statement fails with a serialization failure and writes nothing.
/// It writes the same rows as [`WRITE_GROUP`], in the same order: it locks the wallet before it
/// inserts anything.
///
/// Parameters: the wallet as in [`WRITE_GROUP`]; `(id, user, amount, other account, origin,
/// reference, fingerprint, balance after, service, quantity, description, metadata, detail,
/// occurred at)` of the transaction; `(amount, remaining)` of the allocation; the batch as in
/// [`UPDATE_BATCHES`]; `now`, or null for the clock of the database; the sender of the transaction.
pub const WRITE_SINGLE_CONSUME: &str = r"WITH changed AS (
      UPDATE credits_balance SET balance = $2, held = $3, total_earned = $4, total_spent = $5, transaction_count = $6,
        version = $7, status = $8, updated_at = coalesce($30::timestamptz, clock_timestamp())
      WHERE id = $1 AND version = $7 - 1 RETURNING id, updated_at AS at),
    posted AS (
      INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, origin, reference_id,
        fingerprint, status, balance_after, service, quantity, description, metadata, detail, occurred_at, sender, created_at)
      SELECT $9::uuid, $10::text, 'consumption', $11::bigint, 'WALLET:' || $10, $12::text, $13::text, $14::text,
        $15::bytea, 'COMPLETED', $16::bigint, $17::text, $18::bigint, $19::text, $20::json, $21::json, $22::timestamptz, $31::text, changed.at
      FROM changed),
    allocated AS (
      INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
      SELECT $9, $25::uuid, $23::bigint, $24::bigint, changed.at FROM changed),
    spent AS (
      UPDATE credits_batch b SET remaining = $26, held = $27, status = $28, expirations = $29, updated_at = changed.at
      FROM changed WHERE b.id = $25 RETURNING b.id)
    SELECT credits_expect((SELECT count(*) FROM spent), 1)";

/// All PostgreSQL statements by name, for the test that checks their plans.
pub const ALL: [(&str, &str); 19] = [
    ("prepare wallets", PREPARE_WALLETS.postgres),
    ("lock wallets", LOCK_WALLETS.postgres),
    ("known references", KNOWN_REFERENCES.postgres),
    ("related transactions", BELONGING.postgres),
    ("allocations", ALLOCATIONS.postgres),
    ("registered", REGISTERED.postgres),
    ("credited payments", CREDITED_PAYMENTS.postgres),
    ("batches", BATCHES.postgres),
    ("insert transactions", INSERT_TRANSACTIONS.postgres),
    ("insert batches", INSERT_BATCHES.postgres),
    ("insert allocations", INSERT_ALLOCATIONS.postgres),
    ("update batches", UPDATE_BATCHES.postgres),
    ("update wallets", UPDATE_WALLETS.postgres),
    ("drop unopened", DROP_UNOPENED.postgres),
    ("subscriptions", SUBSCRIPTIONS.postgres),
    ("write subscriptions", WRITE_SUBSCRIPTIONS.postgres),
    ("read wallets", READ_WALLETS),
    ("write a group", WRITE_GROUP),
    ("write a single consume", WRITE_SINGLE_CONSUME),
];
