//! Rules on `credits_balance` against the history of the wallet: status, version and instants.

use crate::verify::{Rule, Scope};

const fn rule(
    name: &'static str,
    claim: &'static str,
    message: &'static str,
    sql: &'static str,
) -> Rule {
    Rule {
        name,
        table: "credits_balance",
        claim,
        scope: Scope::Users,
        message,
        sql,
    }
}

pub(super) const RULES: &[Rule] = &[
    // Ids are UUIDs of version 7: of two commands of one group, the later one has the greater id.
    rule(
        "wallet.status_is_that_of_its_last_freeze",
        "a wallet is FROZEN if its last COMPLETED `freeze` or `unfreeze` is a `freeze`, else \
         ACTIVE",
        "`status` is {stored}, but its last `freeze` or `unfreeze` is {expected}",
        "SELECT w.id, NULL AS other, w.user_id, w.status AS stored, s.type AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, type, row_number() OVER (PARTITION BY user_id ORDER BY created_at DESC, id DESC) AS place
                        FROM credits_transaction
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' AND type IN ('freeze', 'unfreeze')) s
             ON s.user_id = w.user_id AND s.place = 1
          WHERE w.user_id > $1 AND w.user_id <= $2
            AND w.status <> CASE s.type WHEN 'freeze' THEN 'FROZEN' ELSE 'ACTIVE' END",
    ),
    // A group increments the version once, and all its transactions have the same instant.
    rule(
        "wallet.version_counts_its_groups",
        "`version` is at least the number of instants at which transactions of the wallet were \
         booked",
        "`version` is {stored}, but transactions were booked at {expected} instants",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.version AS text) AS stored,
                CAST(s.instants AS text) AS expected
           FROM credits_balance w
           JOIN (SELECT user_id, count(DISTINCT created_at) AS instants FROM credits_transaction
                  WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.version < s.instants",
    ),
    rule(
        "wallet.instants_are_those_of_its_transactions",
        "`created_at` is the instant of a transaction of the wallet, and `updated_at` that of a \
         transaction or later than all",
        "no transaction of the wallet was booked at {stored}",
        "SELECT w.id, NULL AS other, w.user_id,
                CASE WHEN opened THEN '`updated_at`, ' || CAST(updated_at AS text)
                     ELSE '`created_at`, ' || CAST(created_at AS text) END AS stored,
                NULL AS expected
           FROM (SELECT id, user_id, created_at, updated_at,
                        EXISTS (SELECT 1 FROM credits_transaction t
                                 WHERE t.user_id = b.user_id AND t.created_at = b.created_at) AS opened,
                        EXISTS (SELECT 1 FROM credits_transaction t
                                 WHERE t.user_id = b.user_id AND t.created_at = b.updated_at) AS written,
                        EXISTS (SELECT 1 FROM credits_transaction t
                                 WHERE t.user_id = b.user_id AND t.created_at > b.updated_at) AS outdated
                   FROM credits_balance b WHERE user_id > $1 AND user_id <= $2) w
          WHERE NOT opened OR (outdated AND NOT written)",
    ),
];
