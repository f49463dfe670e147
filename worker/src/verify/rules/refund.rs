//! Rules on refunds: `credits_refund` counts them, and the credits came back to where they were
//! taken from.

use crate::verify::{Rule, Scope};

const fn rule(
    name: &'static str,
    table: &'static str,
    claim: &'static str,
    message: &'static str,
    sql: &'static str,
) -> Rule {
    Rule {
        name,
        table,
        claim,
        scope: Scope::Users,
        message,
        sql,
    }
}

pub(super) const RULES: &[Rule] = &[
    rule(
        "refund.is_within_its_consumption",
        "credits_refund",
        "`taken` is what the consumption or capture of the same user took, and `refunded` is at \
         most that",
        "{stored} of {expected} were refunded",
        "SELECT f.transaction_id AS id, NULL AS other, f.user_id, f.refunded || ' of ' || f.taken AS stored,
                coalesce('the ' || t.type || ' of ' || CAST(t.amount AS text) || ' of ' || t.user_id,
                         'no transaction') AS expected
           FROM credits_refund f LEFT JOIN credits_transaction t ON t.id = f.transaction_id
          WHERE f.user_id > $1 AND f.user_id <= $2
            AND (t.id IS NULL OR t.user_id <> f.user_id OR t.type NOT IN ('consumption', 'capture')
              OR t.status <> 'COMPLETED' OR f.taken <> -t.amount OR f.refunded NOT BETWEEN 1 AND f.taken)",
    ),
    rule(
        "refund.counts_its_refunds",
        "credits_refund",
        "`refunded` is the sum of the refunds of the consumption or capture",
        "`refunded` is {stored}; the sum of the refunds is {expected}",
        "SELECT id, NULL AS other, user_id, CAST(sum(counted) AS text) AS stored, CAST(sum(amount) AS text) AS expected
           FROM (SELECT related_id AS id, user_id, 0 AS counted, amount FROM credits_transaction
                  WHERE user_id > $1 AND user_id <= $2 AND type = 'refund' AND related_id IS NOT NULL
                 UNION ALL
                 SELECT transaction_id, user_id, refunded, 0 FROM credits_refund
                  WHERE user_id > $1 AND user_id <= $2) u
          GROUP BY id, user_id HAVING sum(counted) <> sum(amount)",
    ),
    rule(
        "refund.instants_are_those_of_its_refunds",
        "credits_refund",
        "`created_at` and `updated_at` are those of refunds of the consumption or capture",
        "{stored} is that of no refund",
        "SELECT transaction_id AS id, NULL AS other, user_id, wrong AS stored, NULL AS expected
           FROM (SELECT f.transaction_id, f.user_id, CASE
                   WHEN NOT EXISTS (SELECT 1 FROM credits_transaction t WHERE t.related_id = f.transaction_id
                                       AND t.type = 'refund' AND t.created_at = f.created_at) THEN '`created_at`'
                   WHEN NOT EXISTS (SELECT 1 FROM credits_transaction t WHERE t.related_id = f.transaction_id
                                       AND t.type = 'refund' AND t.created_at = f.updated_at) THEN '`updated_at`'
                   END AS wrong
                   FROM credits_refund f WHERE f.user_id > $1 AND f.user_id <= $2) s
          WHERE wrong IS NOT NULL",
    ),
    // The credits that a consumption or a capture took form a sequence, the last one taken first.
    // Of each batch, those are returned that are among the first `refunded` ones. A new batch
    // stands for the one that it replaces.
    rule(
        "refund.returns_what_was_taken_last",
        "credits_refund",
        "the refunds of a consumption or a capture return the credits that it took last, each to \
         its own batch or to one that replaces it",
        "{stored} more credits should have come back to the batch {expected}",
        "SELECT id, NULL AS other, user_id, CAST(sum(credits) AS text) AS stored, batch AS expected
           FROM (SELECT id, user_id, batch,
                        CASE WHEN refunded <= later THEN 0 WHEN refunded - later < taken THEN refunded - later
                             ELSE taken END AS credits
                   FROM (SELECT f.transaction_id AS id, f.user_id, {uuid b.id} AS batch, f.refunded, -a.amount AS taken,
                                coalesce(sum(-a.amount) OVER (PARTITION BY f.transaction_id
                                  ORDER BY (b.expires_at IS NULL) DESC, b.expires_at DESC,
                                    (b.source_type = 'PURCHASE') DESC, b.issued_at DESC, b.id DESC
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
                           FROM credits_refund f
                           JOIN credits_allocation a ON a.transaction_id = f.transaction_id
                           JOIN credits_batch b ON b.id = a.batch_id
                          WHERE f.user_id > $1 AND f.user_id <= $2) taken
                 UNION ALL
                 SELECT t.related_id, t.user_id,
                        coalesce({json t.detail} -> 'batches' -> {uuid a.batch_id} ->> 'replaces', {uuid a.batch_id}),
                        -a.amount
                   FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                  WHERE t.user_id > $1 AND t.user_id <= $2 AND t.type = 'refund' AND t.related_id IS NOT NULL) u
          GROUP BY id, user_id, batch HAVING sum(credits) <> 0",
    ),
    // The share of the price is rounded down. The tolerance is that of a floating-point number.
    // Credits that had repaid a debt return to a new batch, whose original need not have expired.
    rule(
        "batch.replaces_an_expired_one",
        "credits_batch",
        "a batch of a refund replaces an expired batch of the same user, source, plan, period, \
         currency and deposit, and has its share of the price; that of a reinstatement may replace \
         any batch",
        "{stored} does not fit the batch that it replaces, {expected}",
        "SELECT id, NULL AS other, user_id, wrong AS stored, replaces AS expected
           FROM (SELECT b.id, b.user_id, b.replaces, CASE
                   WHEN o.id IS NULL THEN 'its note'
                   WHEN b.type = 'refund' AND NOT (coalesce(o.expires_at <= b.issued_at, FALSE) OR o.expirations > 0)
                     THEN '`issued_at`'
                   WHEN b.source_type <> o.source_type THEN '`source_type`'
                   WHEN coalesce(b.source_plan, '') <> coalesce(o.source_plan, '') THEN '`source_plan`'
                   WHEN coalesce(b.grant_period, '') <> coalesce(o.grant_period, '') THEN '`grant_period`'
                   WHEN coalesce(b.currency, '') <> coalesce(o.currency, '') THEN '`currency`'
                   WHEN coalesce({uuid b.deposit_id}, '') <> {uuid coalesce(o.deposit_id, o.transaction_id)}
                     THEN '`deposit_id`'
                   WHEN (b.paid_micros IS NULL) <> (o.paid_micros IS NULL) THEN '`paid_micros`'
                   WHEN b.type = 'reinstatement' AND b.paid_micros = 0 THEN NULL
                   WHEN abs(1.0 * o.paid_micros * b.amount / o.amount - b.paid_micros - 0.5)
                      > 0.500001 + o.paid_micros * 1e-15 THEN '`paid_micros`'
                   END AS wrong
                   FROM (SELECT b.*, t.type, t.detail -> 'batches' -> {uuid b.id} ->> 'replaces' AS replaces
                           FROM credits_batch b
                           JOIN (SELECT id, type, {json detail} AS detail FROM credits_transaction
                                  WHERE user_id > $1 AND user_id <= $2 AND type IN ('refund', 'reinstatement')) t
                             ON t.id = b.transaction_id
                          WHERE b.user_id > $1 AND b.user_id <= $2) b
                   LEFT JOIN credits_batch o ON o.user_id = b.user_id AND {uuid o.id} = b.replaces) s
          WHERE wrong IS NOT NULL",
    ),
];
