//! Rules on `credits_batch` against the transactions that created, moved and closed a batch.

use crate::verify::{Rule, Scope};

const fn rule(
    name: &'static str,
    claim: &'static str,
    message: &'static str,
    sql: &'static str,
) -> Rule {
    Rule {
        name,
        table: "credits_batch",
        claim,
        scope: Scope::Users,
        message,
        sql,
    }
}

pub(super) const RULES: &[Rule] = &[
    // Transactions of workers that did not write `detail.batch` have no price, currency, expiry and
    // plan to compare with.
    rule(
        "batch.is_what_its_transaction_brought",
        "source, instants and period are those of the originating transaction; expiry, plan, price \
         and currency are those in its `detail`",
        "{stored} differs from its originating transaction, a {expected}",
        "SELECT id, NULL AS other, user_id, wrong AS stored, type AS expected
           FROM (SELECT b.id, b.user_id, b.type, CASE
                   WHEN b.source_type <> CASE b.type WHEN 'purchase' THEN 'PURCHASE' WHEN 'monthly_grant' THEN 'SUBSCRIPTION'
                                              WHEN 'refund' THEN b.source_type WHEN 'reinstatement' THEN b.source_type
                                              ELSE 'BONUS' END THEN '`source_type`'
                   WHEN b.created_at <> b.booked_at THEN '`created_at`'
                   WHEN b.issued_at <> b.occurred_at THEN '`issued_at`'
                   WHEN b.type NOT IN ('refund', 'reinstatement')
                    AND coalesce(b.grant_period, '') <> coalesce(substr({instant b.period_start}, 1, 7), '')
                     THEN '`grant_period`'
                   WHEN b.type NOT IN ('refund', 'reinstatement') AND b.deposit_id IS NOT NULL THEN '`deposit_id`'
                   WHEN b.expires_at <= b.issued_at THEN '`expires_at`'
                   WHEN b.type NOT IN ('purchase', 'refund', 'reinstatement') AND b.paid_micros IS NOT NULL THEN '`paid_micros`'
                   WHEN b.type NOT IN ('purchase', 'refund', 'reinstatement') AND b.currency IS NOT NULL THEN '`currency`'
                   WHEN b.noted IS NULL
                     THEN CASE WHEN b.type IN ('refund', 'reinstatement') THEN 'a batch without `detail.batches`' END
                   WHEN coalesce({instant b.expires_at}, '') <> coalesce(b.noted ->> 'expiresAt', '') THEN '`expires_at`'
                   WHEN coalesce(b.source_plan, '') <> coalesce(b.noted ->> 'plan', '') THEN '`source_plan`'
                   WHEN coalesce(CAST(b.paid_micros AS text), '') <> coalesce(CAST(b.noted ->> 'paidMicros' AS text), '')
                     THEN '`paid_micros`'
                   WHEN coalesce(b.currency, '') <> coalesce(b.noted ->> 'currency', '') THEN '`currency`'
                   END AS wrong
                   FROM (SELECT b.*, t.type, t.created_at AS booked_at, t.occurred_at, t.period_start,
                                CASE WHEN t.type IN ('refund', 'reinstatement') THEN t.detail -> 'batches' -> {uuid b.id}
                                     ELSE t.detail -> 'batch' END AS noted
                           FROM credits_batch b
                           JOIN (SELECT id, type, created_at, occurred_at, period_start, {json detail} AS detail
                                   FROM credits_transaction) t ON t.id = b.transaction_id
                          WHERE b.user_id > $1 AND b.user_id <= $2) b) s
          WHERE wrong IS NOT NULL",
    ),
    rule(
        "batch.closed_by_what_emptied_it",
        "a consumption, a capture or a repayment emptied a CONSUMED batch, an expiration emptied an \
         EXPIRED one, a revocation a REVOKED one",
        "`status` is {stored}, but no {expected} emptied it",
        "SELECT b.id, NULL AS other, b.user_id, b.status AS stored, b.closing AS expected
           FROM (SELECT id, user_id, status, CASE status WHEN 'CONSUMED' THEN 'consumption' WHEN 'EXPIRED' THEN 'expiration'
                                                  ELSE 'revocation' END AS closing
                   FROM credits_batch WHERE user_id > $1 AND user_id <= $2 AND status <> 'ACTIVE') b
           LEFT JOIN (SELECT a.batch_id, t.type
                        FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                       WHERE t.user_id > $1 AND t.user_id <= $2 AND a.batch_remaining = 0 AND a.amount < 0
                       GROUP BY a.batch_id, t.type) s
             ON s.batch_id = b.id
            AND CASE WHEN s.type IN ('capture', 'repayment') THEN 'consumption' ELSE s.type END = b.closing
          WHERE s.batch_id IS NULL",
    ),
    rule(
        "batch.written_last_by_an_allocation",
        "the last write of a batch is at the instant of one of its allocations, or while it funded \
         a hold",
        "no allocation of the batch was written at {stored}",
        "SELECT b.id, NULL AS other, b.user_id, CAST(b.updated_at AS text) AS stored, NULL AS expected
           FROM credits_batch b
           LEFT JOIN (SELECT a.batch_id, a.created_at
                        FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                       WHERE t.user_id > $1 AND t.user_id <= $2 GROUP BY a.batch_id, a.created_at) s
             ON s.batch_id = b.id AND s.created_at = b.updated_at
           LEFT JOIN (SELECT p.batch_id, min(h.created_at) AS first, max(h.updated_at) AS last
                        FROM credits_hold h JOIN credits_hold_slice p ON p.hold_id = h.id
                       WHERE h.user_id > $1 AND h.user_id <= $2 GROUP BY p.batch_id) h
             ON h.batch_id = b.id
          WHERE b.user_id > $1 AND b.user_id <= $2 AND s.batch_id IS NULL
            AND (h.batch_id IS NULL OR b.updated_at < h.first OR b.updated_at > h.last)",
    ),
];
