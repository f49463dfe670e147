//! Rules on `credits_allocation`.

use crate::verify::{Rule, Scope};

const fn rule(
    name: &'static str,
    scope: Scope,
    claim: &'static str,
    message: &'static str,
    sql: &'static str,
) -> Rule {
    Rule {
        name,
        table: "credits_allocation",
        claim,
        scope,
        message,
        sql,
    }
}

pub(super) const RULES: &[Rule] = &[
    rule(
        "allocation.has_batch_of_the_same_user",
        Scope::Users,
        "the batch of an allocation exists and belongs to the user of its transaction",
        "its transaction belongs to {expected}, its batch belongs to {stored}",
        "SELECT a.transaction_id AS id, a.batch_id AS other, t.user_id,
                coalesce(b.user_id, 'no user, because it does not exist') AS stored, t.user_id AS expected
           FROM credits_transaction t
           JOIN credits_allocation a ON a.transaction_id = t.id
           LEFT JOIN credits_batch b ON b.id = a.batch_id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND (b.id IS NULL OR b.user_id <> t.user_id)",
    ),
    rule(
        "allocation.signed_like_its_transaction",
        Scope::Users,
        "an allocation has the sign of its transaction",
        "`amount` is {stored}, but the `amount` of its transaction is {expected}",
        "SELECT a.transaction_id AS id, a.batch_id AS other, t.user_id, CAST(a.amount AS text) AS stored,
                CAST(t.amount AS text) AS expected
           FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
          WHERE t.user_id > $1 AND t.user_id <= $2
            AND ((a.amount > 0) <> (t.amount > 0) OR (a.amount < 0) <> (t.amount < 0))",
    ),
    rule(
        "allocation.written_with_its_transaction",
        Scope::Users,
        "an allocation is written at the same instant as its transaction",
        "`created_at` is {stored}, but the `created_at` of its transaction is {expected}",
        "SELECT a.transaction_id AS id, a.batch_id AS other, t.user_id, CAST(a.created_at AS text) AS stored,
                CAST(t.created_at AS text) AS expected
           FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND a.created_at <> t.created_at",
    ),
    rule(
        "allocation.fits_the_expiry_of_its_batch",
        Scope::Users,
        "a consumption or a revocation takes from a batch that has not expired, and a refund or a \
         reinstatement returns to one; an expiration takes from one that has",
        "its transaction occurred at {stored}, but its batch expires at {expected}",
        "SELECT a.transaction_id AS id, a.batch_id AS other, t.user_id, CAST(t.occurred_at AS text) AS stored,
                CAST(b.expires_at AS text) AS expected
           FROM credits_transaction t
           JOIN credits_allocation a ON a.transaction_id = t.id
           JOIN credits_batch b ON b.id = a.batch_id
          WHERE t.user_id > $1 AND t.user_id <= $2
            AND CASE t.type WHEN 'consumption' THEN b.expires_at <= t.occurred_at
                            WHEN 'refund' THEN b.expires_at <= t.occurred_at
                            WHEN 'revocation' THEN b.expires_at <= t.occurred_at
                            WHEN 'reinstatement' THEN b.expires_at <= t.occurred_at
                            WHEN 'expiration' THEN b.expires_at IS NULL OR b.expires_at > t.occurred_at
                            ELSE FALSE END",
    ),
    rule(
        "allocation.has_transaction",
        Scope::Book,
        "the transaction of an allocation exists",
        "its transaction does not exist; it moves {stored}",
        "SELECT a.transaction_id AS id, a.batch_id AS other, b.user_id, CAST(a.amount AS text) AS stored,
                NULL AS expected
           FROM credits_allocation a
           LEFT JOIN credits_transaction t ON t.id = a.transaction_id
           LEFT JOIN credits_batch b ON b.id = a.batch_id
          WHERE t.id IS NULL",
    ),
];
