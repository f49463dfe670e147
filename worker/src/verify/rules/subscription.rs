//! Rules on `subscription`.

use crate::verify::{Rule, Scope};

const fn rule(
    name: &'static str,
    claim: &'static str,
    message: &'static str,
    sql: &'static str,
) -> Rule {
    Rule {
        name,
        table: "subscription",
        claim,
        scope: Scope::Users,
        message,
        sql,
    }
}

pub(super) const RULES: &[Rule] = &[
    rule(
        "subscription.owner_has_wallet",
        "the owner of a subscription has a wallet",
        "its owner {stored} has no wallet",
        "SELECT s.id, NULL AS other, s.user_id, s.user_id AS stored, NULL AS expected
           FROM subscription s LEFT JOIN credits_balance w ON w.user_id = s.user_id
          WHERE s.user_id > $1 AND s.user_id <= $2 AND w.id IS NULL",
    ),
    // The instants are compared as texts. Their first 19 characters are the same on both databases,
    // because sessions are in UTC.
    rule(
        "subscription.due_period_counts_from_anchor",
        "the next due period starts at the anchor's time on the anchor's day, or on the last day \
         of a shorter month",
        "`due_at` is {stored}; counted from its anchor it should be {expected}",
        "SELECT id, NULL AS other, user_id, CAST(due_at AS text) AS stored,
                'day ' || expected_day || ' of a month, ' || substr(anchor_text, 12, 8) AS expected
           FROM (SELECT id, user_id, anchor, due_at, anchor_text, next_text,
                        CASE WHEN substr(anchor_text, 9, 2) < last_day THEN substr(anchor_text, 9, 2)
                             ELSE last_day END AS expected_day
                   FROM (SELECT id, user_id, anchor, due_at, anchor_text, next_text,
                                CASE WHEN substr(next_text, 6, 2) IN ('04', '06', '09', '11') THEN '30'
                                     WHEN substr(next_text, 6, 2) <> '02' THEN '31'
                                     WHEN CAST(substr(next_text, 1, 4) AS integer) % 4 = 0
                                      AND (CAST(substr(next_text, 1, 4) AS integer) % 100 <> 0
                                        OR CAST(substr(next_text, 1, 4) AS integer) % 400 = 0) THEN '29'
                                     ELSE '28' END AS last_day
                           FROM (SELECT id, user_id, anchor, due_at, CAST(anchor AS text) AS anchor_text,
                                        CAST(due_at AS text) AS next_text
                                   FROM subscription
                                  WHERE user_id > $1 AND user_id <= $2 AND due_at IS NOT NULL) t) m) s
          WHERE due_at < anchor OR substr(next_text, 9, 2) <> expected_day
             OR substr(next_text, 12, 8) <> substr(anchor_text, 12, 8)",
    ),
    rule(
        "subscription.due_period_was_not_handled",
        "the next due period was neither granted nor skipped nor refused",
        "`due_at` is {stored}, but that period was handled already",
        "SELECT s.id, NULL AS other, s.user_id, CAST(s.due_at AS text) AS stored, NULL AS expected
           FROM subscription s
           JOIN credits_transaction t ON t.user_id = s.user_id AND t.subscription_id = s.id AND t.period_start = s.due_at
          WHERE s.user_id > $1 AND s.user_id <= $2 AND t.type = 'monthly_grant'",
    ),
    rule(
        "subscription.free_one_names_its_owner",
        "the subscription that a registration created is named after its user",
        "`id` names another user than its owner {stored}",
        "SELECT id, NULL AS other, user_id, user_id AS stored, NULL AS expected
           FROM subscription
          WHERE user_id > $1 AND user_id <= $2 AND substr(id, 1, 5) = 'free:' AND id <> 'free:' || user_id",
    ),
    rule(
        "subscription.next_period_start_is_due_at",
        "`next_period_start`, which workers of an earlier version read, is the same as `due_at`",
        "`next_period_start` is {stored}; it should be {expected}",
        "SELECT id, NULL AS other, user_id, CAST(next_period_start AS text) AS stored, CAST(due_at AS text) AS expected
           FROM subscription
          WHERE user_id > $1 AND user_id <= $2 AND due_at IS NOT NULL AND next_period_start IS DISTINCT FROM due_at",
    ),
];
