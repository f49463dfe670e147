//! Rules on `subscription`.

use crate::verify::{Rule, Scope};

const fn rule(name: &'static str, claim: &'static str, message: &'static str, sql: &'static str) -> Rule {
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
    // Else nobody would ever look at it again.
    rule(
        "subscription.due_at_is_next_period",
        "`due_at` is the start of the next period, unless the subscription is over or not paid by then",
        "`due_at` is {stored}; it should be {expected}",
        "SELECT id, NULL AS other, user_id, CAST(due_at AS text) AS stored, CAST(expected_at AS text) AS expected
           FROM (SELECT id, user_id, due_at,
                        CASE WHEN (ended_at IS NULL OR next_period_start < ended_at)
                              AND (paid_through IS NULL OR next_period_start < paid_through)
                             THEN next_period_start END AS expected_at
                   FROM subscription WHERE user_id > $1 AND user_id <= $2) s
          WHERE due_at IS DISTINCT FROM expected_at",
    ),
    // Compared as texts, which are alike in their first 19 characters on both databases: sessions are in UTC.
    rule(
        "subscription.next_period_counts_from_anchor",
        "the next period starts at the anchor's time on the anchor's day, or on the last day of a shorter month",
        "`next_period_start` is {stored}; counted from its anchor it should be {expected}",
        "SELECT id, NULL AS other, user_id, CAST(next_period_start AS text) AS stored,
                'day ' || expected_day || ' of a month, ' || substr(anchor_text, 12, 8) AS expected
           FROM (SELECT id, user_id, anchor, next_period_start, anchor_text, next_text,
                        CASE WHEN substr(anchor_text, 9, 2) < last_day THEN substr(anchor_text, 9, 2)
                             ELSE last_day END AS expected_day
                   FROM (SELECT id, user_id, anchor, next_period_start, anchor_text, next_text,
                                CASE WHEN substr(next_text, 6, 2) IN ('04', '06', '09', '11') THEN '30'
                                     WHEN substr(next_text, 6, 2) <> '02' THEN '31'
                                     WHEN CAST(substr(next_text, 1, 4) AS integer) % 4 = 0
                                      AND (CAST(substr(next_text, 1, 4) AS integer) % 100 <> 0
                                        OR CAST(substr(next_text, 1, 4) AS integer) % 400 = 0) THEN '29'
                                     ELSE '28' END AS last_day
                           FROM (SELECT id, user_id, anchor, next_period_start, CAST(anchor AS text) AS anchor_text,
                                        CAST(next_period_start AS text) AS next_text
                                   FROM subscription
                                  WHERE user_id > $1 AND user_id <= $2 AND next_period_start IS NOT NULL) t) m) s
          WHERE next_period_start < anchor OR substr(next_text, 9, 2) <> expected_day
             OR substr(next_text, 12, 8) <> substr(anchor_text, 12, 8)",
    ),
    rule(
        "subscription.granted_periods_lie_before_the_next",
        "every period that was granted or skipped lies before the next one",
        "`next_period_start` is {stored}; the period of {expected} was granted already",
        "SELECT s.id, NULL AS other, s.user_id, CAST(s.next_period_start AS text) AS stored,
                CAST(max(t.period_start) AS text) AS expected
           FROM subscription s
           JOIN credits_transaction t ON t.user_id = s.user_id AND t.subscription_id = s.id
          WHERE s.user_id > $1 AND s.user_id <= $2 AND t.type = 'monthly_grant'
          GROUP BY s.id, s.user_id, s.next_period_start
         HAVING s.next_period_start IS NULL OR max(t.period_start) >= s.next_period_start",
    ),
    rule(
        "subscription.free_one_names_its_owner",
        "the subscription that came with a registration is named after its user",
        "`id` names another user than its owner {stored}",
        "SELECT id, NULL AS other, user_id, user_id AS stored, NULL AS expected
           FROM subscription
          WHERE user_id > $1 AND user_id <= $2 AND substr(id, 1, 5) = 'free:' AND id <> 'free:' || user_id",
    ),
];
