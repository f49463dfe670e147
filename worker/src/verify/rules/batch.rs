//! Rules on `credits_batch`.

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
    rule(
        "batch.remaining_within_amount",
        "`remaining` is from 0 to `amount`",
        "`remaining` is {stored}; it must be from 0 to {expected}",
        "SELECT id, NULL AS other, user_id, CAST(remaining AS text) AS stored, CAST(amount AS text) AS expected
           FROM credits_batch
          WHERE user_id > $1 AND user_id <= $2 AND NOT (remaining BETWEEN 0 AND amount)",
    ),
    rule(
        "batch.held_within_remaining",
        "`held` is from 0 to `remaining`",
        "`held` is {stored}; it must be from 0 to {expected}",
        "SELECT id, NULL AS other, user_id, CAST(held AS text) AS stored, CAST(remaining AS text) AS expected
           FROM credits_batch
          WHERE user_id > $1 AND user_id <= $2 AND NOT (held BETWEEN 0 AND remaining)",
    ),
    rule(
        "batch.held_is_sum_of_open_holds",
        "`held` is what the slices of OPEN holds reserve of the batch",
        "`held` is {stored}; the slices of its OPEN holds reserve {expected}",
        "SELECT b.id, NULL AS other, b.user_id, CAST(b.held AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_batch b
           LEFT JOIN (SELECT p.batch_id, sum(p.amount - p.captured) AS total
                        FROM credits_hold h JOIN credits_hold_slice p ON p.hold_id = h.id
                       WHERE h.user_id > $1 AND h.user_id <= $2 AND h.status = 'OPEN' GROUP BY p.batch_id) s
             ON s.batch_id = b.id
          WHERE b.user_id > $1 AND b.user_id <= $2 AND b.held <> coalesce(s.total, 0)",
    ),
    rule(
        "batch.active_while_something_remains",
        "a batch is ACTIVE if and only if `remaining` is above 0",
        "`status` is {stored}, but {expected} remain",
        "SELECT id, NULL AS other, user_id, status AS stored, CAST(remaining AS text) AS expected
           FROM credits_batch
          WHERE user_id > $1 AND user_id <= $2 AND (status = 'ACTIVE') <> (remaining > 0)",
    ),
    rule(
        "batch.remaining_is_sum_of_allocations",
        "`remaining` is the sum of the allocations of the batch",
        "`remaining` is {stored}; the sum of its allocations is {expected}",
        "SELECT b.id, NULL AS other, b.user_id, CAST(b.remaining AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_batch b
           LEFT JOIN (SELECT a.batch_id, sum(a.amount) AS total
                        FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                       WHERE t.user_id > $1 AND t.user_id <= $2 GROUP BY a.batch_id) s
             ON s.batch_id = b.id
          WHERE b.user_id > $1 AND b.user_id <= $2 AND b.remaining <> coalesce(s.total, 0)",
    ),
    // The check works like `wallet.balances_after_form_a_chain`.
    rule(
        "batch.remainders_form_a_chain",
        "the allocations of the batch lead from 0 to `remaining`, each from the `batch_remaining` \
         of another",
        "its allocations do not follow on from each other at a remainder of {stored}: {expected}",
        "SELECT b.id, NULL AS other, b.user_id, CAST(e.value AS text) AS stored,
                CASE WHEN e.excess > 0 THEN 'left ' || e.excess || ' times too often'
                     ELSE 'reached ' || -e.excess || ' times too often' END AS expected
           FROM (SELECT id, value, sum(step) AS excess
                   FROM (SELECT a.batch_id AS id, a.batch_remaining - a.amount AS value, 1 AS step
                           FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                          WHERE t.user_id > $1 AND t.user_id <= $2
                         UNION ALL
                         SELECT a.batch_id, a.batch_remaining, -1
                           FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                          WHERE t.user_id > $1 AND t.user_id <= $2
                         UNION ALL
                         SELECT id, remaining, 1 FROM credits_batch WHERE user_id > $1 AND user_id <= $2
                         UNION ALL
                         SELECT id, 0, -1 FROM credits_batch WHERE user_id > $1 AND user_id <= $2) steps
                  GROUP BY id, value HAVING sum(step) <> 0) e
           JOIN credits_batch b ON b.id = e.id AND b.user_id > $1 AND b.user_id <= $2",
    ),
    rule(
        "batch.has_originating_transaction",
        "the transaction that a batch names exists, is COMPLETED and belongs to the same user",
        "`transaction_id` names {stored}; it should be a COMPLETED transaction of {expected}",
        "SELECT b.id, NULL AS other, b.user_id,
                CASE WHEN t.id IS NULL THEN 'a transaction that does not exist'
                     ELSE 'a ' || t.status || ' transaction of ' || t.user_id END AS stored,
                b.user_id AS expected
           FROM credits_batch b LEFT JOIN credits_transaction t ON t.id = b.transaction_id
          WHERE b.user_id > $1 AND b.user_id <= $2
            AND (t.id IS NULL OR t.status <> 'COMPLETED' OR t.user_id <> b.user_id)",
    ),
    rule(
        "batch.amount_is_what_its_transaction_brought",
        "`amount` is what the originating transaction added to the batch",
        "`amount` is {stored}; its originating transaction added {expected} to it",
        "SELECT b.id, NULL AS other, b.user_id, CAST(b.amount AS text) AS stored, CAST(a.amount AS text) AS expected
           FROM credits_batch b
           LEFT JOIN credits_allocation a ON a.transaction_id = b.transaction_id AND a.batch_id = b.id
          WHERE b.user_id > $1 AND b.user_id <= $2 AND (a.amount IS NULL OR a.amount <> b.amount)",
    ),
    rule(
        "batch.expirations_counts_its_expirations",
        "`expirations` is the number of expirations that took from the batch",
        "`expirations` is {stored}; the number of its expirations is {expected}",
        "SELECT b.id, NULL AS other, b.user_id, CAST(b.expirations AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_batch b
           LEFT JOIN (SELECT a.batch_id, count(*) AS total
                        FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
                       WHERE t.user_id > $1 AND t.user_id <= $2 AND t.type = 'expiration' AND t.status = 'COMPLETED'
                       GROUP BY a.batch_id) s
             ON s.batch_id = b.id
          WHERE b.user_id > $1 AND b.user_id <= $2 AND b.expirations <> coalesce(s.total, 0)",
    ),
    rule(
        "batch.owner_has_wallet",
        "the owner of a batch has a wallet",
        "its owner {stored} has no wallet",
        "SELECT b.id, NULL AS other, b.user_id, b.user_id AS stored, NULL AS expected
           FROM credits_batch b LEFT JOIN credits_balance w ON w.user_id = b.user_id
          WHERE b.user_id > $1 AND b.user_id <= $2 AND w.id IS NULL",
    ),
];
