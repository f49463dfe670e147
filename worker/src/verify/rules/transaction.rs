//! Rules on `credits_transaction`.

use crate::verify::{Rule, Scope};

const fn rule(
    name: &'static str,
    claim: &'static str,
    message: &'static str,
    sql: &'static str,
) -> Rule {
    Rule {
        name,
        table: "credits_transaction",
        claim,
        scope: Scope::Users,
        message,
        sql,
    }
}

pub(super) const RULES: &[Rule] = &[
    rule(
        "transaction.amount_is_sum_of_allocations",
        "`amount` is the sum of the allocations of the transaction",
        "`amount` is {stored}; the sum of its allocations is {expected}",
        "SELECT t.id, NULL AS other, t.user_id, CAST(t.amount AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_transaction t
           LEFT JOIN (SELECT a.transaction_id, sum(a.amount) AS total
                        FROM credits_transaction u JOIN credits_allocation a ON a.transaction_id = u.id
                       WHERE u.user_id > $1 AND u.user_id <= $2 GROUP BY a.transaction_id) s
             ON s.transaction_id = t.id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.amount <> coalesce(s.total, 0)",
    ),
    rule(
        "transaction.failed_moves_nothing",
        "a FAILED transaction has amount 0",
        "a FAILED transaction has amount {stored}; it should be {expected}",
        "SELECT id, NULL AS other, user_id, CAST(amount AS text) AS stored, '0' AS expected
           FROM credits_transaction
          WHERE user_id > $1 AND user_id <= $2 AND status = 'FAILED' AND amount <> 0",
    ),
    rule(
        "transaction.owner_has_wallet",
        "the user of a COMPLETED transaction has a wallet",
        "it is COMPLETED, but its user {stored} has no wallet",
        "SELECT t.id, NULL AS other, t.user_id, t.user_id AS stored, NULL AS expected
           FROM credits_transaction t LEFT JOIN credits_balance w ON w.user_id = t.user_id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.status = 'COMPLETED' AND w.id IS NULL",
    ),
    rule(
        "transaction.wallet_side_fits_sign",
        "`credit_account` is this wallet if and only if `amount` is positive, `debit_account` if \
         and only if negative",
        "credits went {stored}; going by `amount` it should be {expected}",
        "SELECT id, NULL AS other, user_id,
                'from ' || coalesce(debit_account, 'nowhere') || ' to ' || coalesce(credit_account, 'nowhere') AS stored,
                CASE WHEN amount > 0 THEN 'to WALLET:' || user_id
                     WHEN amount < 0 THEN 'from WALLET:' || user_id
                     ELSE 'from nowhere to nowhere' END AS expected
           FROM credits_transaction
          WHERE user_id > $1 AND user_id <= $2
            AND ((amount > 0) <> (coalesce(credit_account, '') = 'WALLET:' || user_id)
              OR (amount < 0) <> (coalesce(debit_account, '') = 'WALLET:' || user_id))",
    ),
    rule(
        "transaction.other_account_fits_type",
        "the other account of a transaction is of the kind that its type moves credits from or to",
        "the other account is {stored}, which does not fit {expected}",
        "SELECT id, NULL AS other, user_id, account AS stored,
                'a ' || type || ' of ' || CAST(amount AS text) AS expected
           FROM (SELECT id, user_id, type, amount, debt_change,
                        coalesce(CASE WHEN amount > 0 OR (amount = 0 AND debt_change < 0) THEN debit_account
                                      ELSE credit_account END, 'missing') AS account
                   FROM credits_transaction
                  WHERE user_id > $1 AND user_id <= $2 AND (amount <> 0 OR debt_change IS NOT NULL)) t
          WHERE NOT CASE type
                WHEN 'consumption' THEN amount < 0 AND substr(account, 1, 8) = 'SERVICE:'
                WHEN 'capture' THEN amount < 0 AND substr(account, 1, 8) = 'SERVICE:'
                WHEN 'refund' THEN amount > 0 AND substr(account, 1, 8) = 'SERVICE:'
                WHEN 'purchase' THEN amount > 0 AND substr(account, 1, 8) = 'PAYMENT:'
                WHEN 'bonus' THEN amount > 0 AND account = 'SYSTEM:purchase-bonus'
                WHEN 'registration_bonus' THEN amount > 0 AND account = 'SYSTEM:registration-bonus'
                WHEN 'monthly_grant' THEN amount > 0 AND account = 'SYSTEM:subscription-grant'
                WHEN 'promotion' THEN amount > 0 AND account = 'SYSTEM:promotion'
                WHEN 'expiration' THEN amount < 0 AND account = 'SYSTEM:expiration'
                WHEN 'revocation' THEN amount < 0 AND substr(account, 1, 7) IN ('PAYMENT', 'SYSTEM:')
                WHEN 'debt' THEN amount = 0 AND debt_change > 0 AND substr(account, 1, 7) IN ('PAYMENT', 'SYSTEM:')
                WHEN 'repayment' THEN amount < 0 AND account = 'DEBT:' || user_id
                WHEN 'forgiveness' THEN amount = 0 AND debt_change < 0 AND account = 'SYSTEM:debt-forgiveness'
                WHEN 'reinstatement' THEN amount >= 0 AND substr(account, 1, 7) IN ('PAYMENT', 'SYSTEM:')
                ELSE FALSE END",
    ),
    rule(
        "transaction.registration_bonus_once",
        "a user has the registration bonus once",
        "it is one of {stored} registration bonuses of its user",
        "SELECT t.id, NULL AS other, t.user_id, CAST(s.times AS text) AS stored, NULL AS expected
           FROM (SELECT user_id, count(*) AS times FROM credits_transaction
                  WHERE user_id > $1 AND user_id <= $2 AND type = 'registration_bonus' AND status = 'COMPLETED'
                  GROUP BY user_id HAVING count(*) > 1) s
           JOIN credits_transaction t ON t.user_id = s.user_id
          WHERE t.type = 'registration_bonus' AND t.status = 'COMPLETED'",
    ),
    rule(
        "transaction.payment_credited_once",
        "a payment, or each line of it, is credited once",
        "it credits {stored}, which was credited before by {expected}",
        "SELECT t.id, NULL AS other, t.user_id,
                'payment ' || t.purchase_id || coalesce(' line ' || t.purchase_line, '') || ' by reference '
                  || t.reference_id AS stored,
                'reference ' || f.reference_id || ' of user ' || f.user_id AS expected
           FROM credits_transaction t LEFT JOIN credits_transaction f
             ON f.purchase_id = t.purchase_id AND coalesce(f.purchase_line, '') = coalesce(t.purchase_line, '')
            AND f.type = 'purchase' AND f.status = 'COMPLETED' AND f.duplicate_of IS NULL
            AND (f.created_at, f.id) < (t.created_at, t.id)
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.type = 'purchase' AND t.status = 'COMPLETED'
            AND (f.id IS NOT NULL OR t.duplicate_of IS NOT NULL)",
    ),
    rule(
        "transaction.period_granted_once",
        "a period of a subscription is granted once",
        "it is one of {stored} grants of the period of {expected}",
        "SELECT t.id, NULL AS other, t.user_id, CAST(s.times AS text) AS stored,
                CAST(s.period_start AS text) AS expected
           FROM (SELECT user_id, subscription_id, period_start, count(*) AS times FROM credits_transaction
                  WHERE user_id > $1 AND user_id <= $2 AND type = 'monthly_grant' AND status = 'COMPLETED'
                    AND subscription_id IS NOT NULL
                  GROUP BY user_id, subscription_id, period_start HAVING count(*) > 1) s
           JOIN credits_transaction t ON t.user_id = s.user_id AND t.subscription_id = s.subscription_id
            AND t.period_start = s.period_start
          WHERE t.type = 'monthly_grant' AND t.status = 'COMPLETED'",
    ),
    rule(
        "transaction.grant_has_subscription_of_the_same_user",
        "the subscription that a monthly grant names exists and belongs to the same user",
        "`subscription_id` names a subscription of {stored}; it should be one of {expected}",
        "SELECT t.id, NULL AS other, t.user_id, coalesce(s.user_id, 'no user, because it does not exist') AS stored,
                t.user_id AS expected
           FROM credits_transaction t LEFT JOIN subscription s ON s.id = t.subscription_id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.type = 'monthly_grant'
            AND (s.id IS NULL OR s.user_id <> t.user_id)",
    ),
];
