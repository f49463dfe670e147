//! Rules on `credits_hold` and `credits_hold_slice`.

use crate::verify::{Rule, Scope};

const fn rule(
    name: &'static str,
    (table, scope): (&'static str, Scope),
    claim: &'static str,
    message: &'static str,
    sql: &'static str,
) -> Rule {
    Rule {
        name,
        table,
        claim,
        scope,
        message,
        sql,
    }
}

const HOLD: (&str, Scope) = ("credits_hold", Scope::Users);
const TRANSACTION: (&str, Scope) = ("credits_transaction", Scope::Users);
const SLICE: (&str, Scope) = ("credits_hold_slice", Scope::Book);

pub(super) const RULES: &[Rule] = &[
    rule(
        "hold.has_transaction",
        HOLD,
        "the transaction of a hold exists, is a COMPLETED hold of the same user, and agrees with \
         it",
        "{stored} differs from {expected}",
        "SELECT id, NULL AS other, user_id, wrong AS stored, belongs AS expected
           FROM (SELECT h.id, h.user_id, coalesce('its transaction ' || t.reference_id, 'no transaction') AS belongs, CASE
                   WHEN t.id IS NULL THEN '`id`'
                   WHEN t.type <> 'hold' OR t.status <> 'COMPLETED' THEN '`id`'
                   WHEN t.user_id <> h.user_id THEN '`user_id`'
                   WHEN t.origin <> h.origin THEN '`origin`'
                   WHEN coalesce(t.sender, '') <> coalesce(h.sender, '') THEN '`sender`'
                   WHEN t.reference_id <> h.reference_id THEN '`reference_id`'
                   WHEN t.service <> h.service THEN '`service`'
                   WHEN t.created_at <> h.created_at THEN '`created_at`'
                   WHEN {instant h.expires_at} <> t.noted ->> 'holdExpiresAt' THEN '`expires_at`'
                   WHEN h.updated_at < h.created_at THEN '`updated_at`'
                   END AS wrong
                   FROM credits_hold h
                   LEFT JOIN (SELECT id, user_id, type, status, origin, sender, reference_id, service, created_at,
                                     {json detail} AS noted
                                FROM credits_transaction) t ON t.id = h.id
                  WHERE h.user_id > $1 AND h.user_id <= $2) s
          WHERE wrong IS NOT NULL",
    ),
    rule(
        "hold.amount_is_sum_of_slices",
        HOLD,
        "`amount` is the sum of the slices of the hold",
        "`amount` is {stored}; the sum of its slices is {expected}",
        "SELECT h.id, NULL AS other, h.user_id, CAST(h.amount AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_hold h
           LEFT JOIN (SELECT o.id, sum(p.amount) AS total
                        FROM credits_hold o JOIN credits_hold_slice p ON p.hold_id = o.id
                       WHERE o.user_id > $1 AND o.user_id <= $2 GROUP BY o.id) s
             ON s.id = h.id
          WHERE h.user_id > $1 AND h.user_id <= $2 AND h.amount <> coalesce(s.total, 0)",
    ),
    rule(
        "hold.captured_is_sum_of_captures",
        HOLD,
        "`captured` is what the captures of the hold took, without what was beyond the hold",
        "`captured` is {stored}; its captures took {expected}",
        "SELECT h.id, NULL AS other, h.user_id, CAST(h.captured AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_hold h
           LEFT JOIN (SELECT related_id,
                             sum(-amount - coalesce(CAST({json detail} ->> 'beyondHold' AS bigint), 0)) AS total
                        FROM credits_transaction
                       WHERE user_id > $1 AND user_id <= $2 AND type = 'capture' AND status = 'COMPLETED'
                       GROUP BY related_id) s
             ON s.related_id = h.id
          WHERE h.user_id > $1 AND h.user_id <= $2 AND h.captured <> coalesce(s.total, 0)",
    ),
    // A capture after the expiry takes what its own batches no longer have from others.
    rule(
        "hold.captured_is_sum_of_slices",
        HOLD,
        "`captured` is what captures took from the slices of the hold; after its expiry it may be \
         more",
        "`captured` is {stored}; captures took {expected} from its slices",
        "SELECT h.id, NULL AS other, h.user_id, CAST(h.captured AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_hold h
           LEFT JOIN (SELECT o.id, sum(p.captured) AS total
                        FROM credits_hold o JOIN credits_hold_slice p ON p.hold_id = o.id
                       WHERE o.user_id > $1 AND o.user_id <= $2 GROUP BY o.id) s
             ON s.id = h.id
          WHERE h.user_id > $1 AND h.user_id <= $2 AND h.captured <> coalesce(s.total, 0)
            AND (h.captured < coalesce(s.total, 0) OR h.closed_at IS NULL OR h.closed_at < h.expires_at)",
    ),
    rule(
        "hold.closed_by_what_its_status_says",
        HOLD,
        "a capture closed a CAPTURED hold, a release a RELEASED one, its expiry an EXPIRED one; \
         only an OPEN hold has no time of closing",
        "`status` is {stored}, but {expected}",
        "SELECT id, NULL AS other, user_id, status AS stored, wrong AS expected
           FROM (SELECT h.id, h.user_id, h.status, CASE
                   WHEN (h.status = 'OPEN') <> (h.closed_at IS NULL) THEN 'its time of closing does not fit'
                   WHEN h.status = 'EXPIRED' AND h.closed_at < h.expires_at THEN 'it was closed before its expiry'
                   WHEN h.status = 'CAPTURED' AND coalesce(s.captures, 0) = 0 THEN 'no capture belongs to it'
                   WHEN (h.status = 'RELEASED') <> (coalesce(s.releases, 0) = 1)
                     THEN coalesce(s.releases, 0) || ' releases belong to it'
                   END AS wrong
                   FROM credits_hold h
                   LEFT JOIN (SELECT related_id, sum(CASE type WHEN 'capture' THEN 1 ELSE 0 END) AS captures,
                                     sum(CASE type WHEN 'release' THEN 1 ELSE 0 END) AS releases
                                FROM credits_transaction
                               WHERE user_id > $1 AND user_id <= $2 AND type IN ('capture', 'release')
                                 AND status = 'COMPLETED'
                               GROUP BY related_id) s
                     ON s.related_id = h.id
                  WHERE h.user_id > $1 AND h.user_id <= $2) w
          WHERE wrong IS NOT NULL",
    ),
    rule(
        "slice.fits_its_batch",
        ("credits_hold_slice", Scope::Users),
        "each slice takes part of its hold from a batch of the same user, from 0 to its amount",
        "a slice of {stored} captured {expected}",
        "SELECT h.id, s.batch_id AS other, h.user_id,
                CAST(s.amount AS text) || ' of ' || coalesce(b.user_id, 'no batch') AS stored,
                CAST(s.captured AS text) AS expected
           FROM credits_hold h
           JOIN credits_hold_slice s ON s.hold_id = h.id
           LEFT JOIN credits_batch b ON b.id = s.batch_id
          WHERE h.user_id > $1 AND h.user_id <= $2
            AND (b.id IS NULL OR b.user_id <> h.user_id OR NOT (s.captured BETWEEN 0 AND s.amount) OR s.amount < 1)",
    ),
    rule(
        "transaction.names_its_hold",
        TRANSACTION,
        "the hold that a capture or release belongs to exists and belongs to the same user",
        "a {stored} belongs to {expected}",
        "SELECT t.id, NULL AS other, t.user_id, t.type || ' of ' || t.user_id AS stored,
                coalesce('a hold of ' || h.user_id, 'no hold') AS expected
           FROM credits_transaction t LEFT JOIN credits_hold h ON h.id = t.related_id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.type IN ('capture', 'release') AND t.status = 'COMPLETED'
            AND (h.id IS NULL OR h.user_id <> t.user_id)",
    ),
    rule(
        "transaction.has_its_hold",
        TRANSACTION,
        "a COMPLETED transaction of type `hold` has its hold",
        "the hold {stored} is missing",
        "SELECT t.id, NULL AS other, t.user_id, t.reference_id AS stored, NULL AS expected
           FROM credits_transaction t LEFT JOIN credits_hold h ON h.id = t.id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.type = 'hold' AND t.status = 'COMPLETED' AND h.id IS NULL",
    ),
    rule(
        "slice.has_hold",
        SLICE,
        "the hold of a slice exists",
        "a slice of {stored} has no hold",
        "SELECT s.hold_id AS id, s.batch_id AS other, NULL AS user_id, CAST(s.amount AS text) AS stored,
                NULL AS expected
           FROM credits_hold_slice s LEFT JOIN credits_hold h ON h.id = s.hold_id
          WHERE h.id IS NULL",
    ),
];
