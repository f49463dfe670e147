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
           FROM (SELECT b.id, b.user_id, t.type, CASE
                   WHEN b.source_type <> CASE t.type WHEN 'purchase' THEN 'PURCHASE' WHEN 'monthly_grant' THEN 'SUBSCRIPTION'
                                              ELSE 'BONUS' END THEN '`source_type`'
                   WHEN b.created_at <> t.created_at THEN '`created_at`'
                   WHEN b.issued_at <> t.occurred_at THEN '`issued_at`'
                   WHEN coalesce(b.grant_period, '') <> coalesce(substr({instant t.period_start}, 1, 7), '')
                     THEN '`grant_period`'
                   WHEN b.expires_at <= b.issued_at THEN '`expires_at`'
                   WHEN t.type <> 'purchase' AND b.paid_micros IS NOT NULL THEN '`paid_micros`'
                   WHEN t.type <> 'purchase' AND b.currency IS NOT NULL THEN '`currency`'
                   WHEN t.noted IS NULL THEN NULL
                   WHEN coalesce({instant b.expires_at}, '') <> coalesce(t.noted ->> 'expiresAt', '') THEN '`expires_at`'
                   WHEN coalesce(b.source_plan, '') <> coalesce(t.noted ->> 'plan', '') THEN '`source_plan`'
                   WHEN coalesce(CAST(b.paid_micros AS text), '') <> coalesce(CAST(t.noted ->> 'paidMicros' AS text), '')
                     THEN '`paid_micros`'
                   WHEN coalesce(b.currency, '') <> coalesce(t.noted ->> 'currency', '') THEN '`currency`'
                   END AS wrong
                   FROM credits_batch b
                   JOIN (SELECT id, type, created_at, occurred_at, period_start, {json detail} -> 'batch' AS noted
                           FROM credits_transaction) t ON t.id = b.transaction_id
                  WHERE b.user_id > $1 AND b.user_id <= $2) s
          WHERE wrong IS NOT NULL",
    ),
    rule(
        "batch.closed_by_what_emptied_it",
        "a consumption emptied a CONSUMED batch, an expiration emptied an EXPIRED one, a \
         revocation a REVOKED one",
        "`status` is {stored}, but no {expected} emptied it",
        "SELECT b.id, NULL AS other, b.user_id, b.status AS stored, b.closing AS expected
           FROM (SELECT id, user_id, status, CASE status WHEN 'CONSUMED' THEN 'consumption' WHEN 'EXPIRED' THEN 'expiration'
                                                  ELSE 'revocation' END AS closing
                   FROM credits_batch WHERE user_id > $1 AND user_id <= $2 AND status <> 'ACTIVE') b
           LEFT JOIN (SELECT a.batch_id, t.type
                        FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                       WHERE t.user_id > $1 AND t.user_id <= $2 AND a.batch_remaining = 0 AND a.amount < 0
                       GROUP BY a.batch_id, t.type) s
             ON s.batch_id = b.id AND s.type = b.closing
          WHERE s.batch_id IS NULL",
    ),
    rule(
        "batch.written_last_by_an_allocation",
        "the last write of a batch is at the instant of one of its allocations",
        "no allocation of the batch was written at {stored}",
        "SELECT b.id, NULL AS other, b.user_id, CAST(b.updated_at AS text) AS stored, NULL AS expected
           FROM credits_batch b
           LEFT JOIN (SELECT a.batch_id, a.created_at
                        FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                       WHERE t.user_id > $1 AND t.user_id <= $2 GROUP BY a.batch_id, a.created_at) s
             ON s.batch_id = b.id AND s.created_at = b.updated_at
          WHERE b.user_id > $1 AND b.user_id <= $2 AND s.batch_id IS NULL",
    ),
];
