//! Rules on `credits_balance`.

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
    rule(
        "wallet.balance_is_sum_of_active_batches",
        "`balance` is the sum of the remainders of the ACTIVE batches of the wallet",
        "`balance` is {stored}; the sum of the remainders of its ACTIVE batches is {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.balance AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, sum(remaining) AS total FROM credits_batch
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'ACTIVE' GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.balance <> coalesce(s.total, 0)",
    ),
    rule(
        "wallet.balance_is_sum_of_transactions",
        "`balance` is the sum of the COMPLETED transactions of the wallet",
        "`balance` is {stored}; the sum of its COMPLETED transactions is {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.balance AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, sum(amount) AS total FROM credits_transaction
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.balance <> coalesce(s.total, 0)",
    ),
    rule(
        "wallet.held_is_sum_of_batches",
        "`held` is the sum of `held` of the ACTIVE batches of the wallet",
        "`held` is {stored}; the sum of `held` of its batches is {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.held AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, sum(held) AS total FROM credits_batch
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'ACTIVE' GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.held <> coalesce(s.total, 0)",
    ),
    rule(
        "wallet.holds_end_at_first_expiry",
        "`holds_end_at` is the earliest expiry of the OPEN holds of the wallet",
        "`holds_end_at` is {stored}; the earliest expiry of its OPEN holds is {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.holds_end_at AS text) AS stored,
                CAST(s.first AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, min(expires_at) AS first FROM credits_hold
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'OPEN' GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2
            AND ((w.holds_end_at IS NULL) <> (s.first IS NULL) OR w.holds_end_at <> s.first)",
    ),
    rule(
        "wallet.total_earned_is_sum_of_credits",
        "`total_earned` is the sum of the purchases, bonuses, grants and promotions of the wallet, \
         less revocations and repayments, with reinstatements",
        "`total_earned` is {stored}; the sum of its purchases, bonuses, grants and promotions, less \
         what was revoked and repaid, is {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.total_earned AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, sum(amount) AS total FROM credits_transaction
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED'
                         AND type IN ('purchase', 'bonus', 'registration_bonus', 'monthly_grant', 'promotion',
                                      'revocation', 'repayment', 'reinstatement')
                       GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.total_earned <> coalesce(s.total, 0)",
    ),
    rule(
        "wallet.total_spent_is_consumed_less_refunded",
        "`total_spent` is the consumption of the wallet, captures included, less the refunds",
        "`total_spent` is {stored}; its consumption, less the refunds, is {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.total_spent AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, -sum(amount) AS total FROM credits_transaction
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED'
                         AND type IN ('consumption', 'capture', 'refund')
                       GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.total_spent <> coalesce(s.total, 0)",
    ),
    rule(
        "wallet.transaction_count_is_number_of_completed",
        "`transaction_count` is the number of COMPLETED transactions of the wallet",
        "`transaction_count` is {stored}; the number of its COMPLETED transactions is {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.transaction_count AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, count(*) AS total FROM credits_transaction
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.transaction_count <> coalesce(s.total, 0)",
    ),
    // A transaction leads from the balance `balance_after - amount` to `balance_after`. If these
    // steps, in some order, lead from 0 to `balance`, then every balance is left as many times as
    // it is reached. An additional step from `balance` to 0 closes the circle. So the check needs
    // no order of the rows, which neither a clock nor an id could give.
    rule(
        "wallet.balances_after_form_a_chain",
        "the COMPLETED transactions of the wallet lead from 0 to `balance`, each from the \
         `balance_after` of another",
        "its transactions do not follow on from each other at a balance of {stored}: {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(e.value AS text) AS stored,
                CASE WHEN e.excess > 0 THEN 'left ' || e.excess || ' times too often'
                     ELSE 'reached ' || -e.excess || ' times too often' END AS expected
           FROM (SELECT user_id, value, sum(step) AS excess
                   FROM (SELECT user_id, balance_after - amount AS value, 1 AS step FROM credits_transaction
                          WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED'
                         UNION ALL
                         SELECT user_id, balance_after, -1 FROM credits_transaction
                          WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED'
                         UNION ALL
                         SELECT user_id, balance, 1 FROM credits_balance WHERE user_id > $1 AND user_id <= $2
                         UNION ALL
                         SELECT user_id, 0, -1 FROM credits_balance WHERE user_id > $1 AND user_id <= $2) steps
                  GROUP BY user_id, value HAVING sum(step) <> 0) e
           JOIN credits_balance w ON w.user_id = e.user_id",
    ),
];
