//! Rules on debts: `credits_debt`, the transactions that change them, and the debt of a wallet.

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
        "wallet.debt_is_sum_of_open_debts",
        "credits_balance",
        "`debt` is the sum of what is open of the debts of the wallet",
        "`debt` is {stored}; {expected} of its debts are open",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.debt AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id, sum(amount - repaid - forgiven - cancelled) AS total FROM credits_debt
                       WHERE user_id > $1 AND user_id <= $2 GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.debt <> coalesce(s.total, 0)",
    ),
    rule(
        "wallet.debt_is_balance_of_its_account",
        "credits_balance",
        "`debt` is what left the account DEBT of the user, less what reached it",
        "`debt` is {stored}; {expected} more left the account of its debt than reached it",
        "SELECT w.id, NULL AS other, w.user_id, CAST(w.debt AS text) AS stored,
                CAST(coalesce(s.total, 0) AS text) AS expected
           FROM credits_balance w
           LEFT JOIN (SELECT user_id,
                             sum(CASE WHEN debit_account = 'DEBT:' || user_id THEN abs(coalesce(debt_change, amount))
                                      WHEN credit_account = 'DEBT:' || user_id THEN -abs(coalesce(debt_change, amount))
                                      ELSE 0 END) AS total
                        FROM credits_transaction
                       WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' GROUP BY user_id) s
             ON s.user_id = w.user_id
          WHERE w.user_id > $1 AND w.user_id <= $2 AND w.debt <> coalesce(s.total, 0)",
    ),
    // The check works like `wallet.balances_after_form_a_chain`.
    rule(
        "wallet.debts_after_form_a_chain",
        "credits_balance",
        "the changes of the debt lead from 0 to `debt`, each from the `detail.debt` of another",
        "its changes of debt do not follow on from each other at a debt of {stored}: {expected}",
        "SELECT w.id, NULL AS other, w.user_id, CAST(e.value AS text) AS stored,
                CASE WHEN e.excess > 0 THEN 'left ' || e.excess || ' times too often'
                     ELSE 'reached ' || -e.excess || ' times too often' END AS expected
           FROM (SELECT user_id, value, sum(step) AS excess
                   FROM (SELECT user_id, CAST({json detail} ->> 'debt' AS bigint) - debt_change AS value, 1 AS step
                           FROM credits_transaction
                          WHERE user_id > $1 AND user_id <= $2 AND debt_change IS NOT NULL
                         UNION ALL
                         SELECT user_id, CAST({json detail} ->> 'debt' AS bigint), -1 FROM credits_transaction
                          WHERE user_id > $1 AND user_id <= $2 AND debt_change IS NOT NULL
                         UNION ALL
                         SELECT user_id, debt, 1 FROM credits_balance WHERE user_id > $1 AND user_id <= $2
                         UNION ALL
                         SELECT user_id, 0, -1 FROM credits_balance WHERE user_id > $1 AND user_id <= $2) steps
                  GROUP BY user_id, value HAVING sum(step) <> 0) e
           JOIN credits_balance w ON w.user_id = e.user_id",
    ),
    rule(
        "transaction.debt_change_fits_type",
        "credits_transaction",
        "`debt_change` is positive for a debt, the amount for a repayment, and negative for a \
         forgiveness and a cancellation; the account DEBT of this user is debited if and only if it \
         is positive, and credited if and only if negative",
        "a change of debt of {stored} does not fit a {expected}",
        "SELECT id, NULL AS other, user_id,
                coalesce(CAST(debt_change AS text), 'nothing') || ' from ' || coalesce(debit_account, 'nowhere') || ' to '
                  || coalesce(credit_account, 'nowhere') AS stored,
                status || ' ' || type || ' of ' || CAST(amount AS text) AS expected
           FROM credits_transaction
          WHERE user_id > $1 AND user_id <= $2
            AND ((coalesce(debt_change, 0) > 0) <> (coalesce(debit_account, '') = 'DEBT:' || user_id)
              OR (coalesce(debt_change, 0) < 0) <> (coalesce(credit_account, '') = 'DEBT:' || user_id)
              OR NOT CASE WHEN status = 'FAILED' THEN debt_change IS NULL
                          WHEN type = 'debt' THEN amount = 0 AND coalesce(debt_change, 0) > 0
                          WHEN type = 'repayment' THEN amount < 0 AND coalesce(debt_change, 0) = amount
                          WHEN type = 'forgiveness' THEN amount = 0 AND coalesce(debt_change, 0) < 0
                          WHEN type = 'reinstatement' AND debt_change IS NOT NULL
                            THEN amount = 0 AND debt_change < 0 AND origin = 'internal'
                          ELSE debt_change IS NULL END)",
    ),
    // An outcome repeats the debt when its command is sent again.
    rule(
        "transaction.found_a_debt_of_the_wallet",
        "credits_transaction",
        "`detail.debt` of a revocation or reinstatement that leaves the debt as it is, is 0 or the \
         debt after a change",
        "`detail.debt` is {stored}, but the wallet never had that debt",
        "SELECT id, NULL AS other, user_id, coalesce(CAST(debt AS text), 'nothing') AS stored, NULL AS expected
           FROM (SELECT id, user_id, debt, debt_change, type,
                        max(CASE WHEN debt_change IS NOT NULL THEN 1 ELSE 0 END) OVER (PARTITION BY user_id, debt) AS is_left
                   FROM (SELECT id, user_id, debt_change, type, {json detail} ->> 'debt' AS debt
                           FROM credits_transaction
                          WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED'
                            AND (debt_change IS NOT NULL OR type IN ('revocation', 'reinstatement'))) t) s
          WHERE debt_change IS NULL AND (debt IS NULL OR (CAST(debt AS text) <> '0' AND is_left = 0))",
    ),
    rule(
        "transaction.settles_debts_of_its_user",
        "credits_transaction",
        "what reduces the debt names debts of the same user in `detail`, with credits that sum up to \
         the change; only such a transaction names debts",
        "it names {stored} credits of debts; it should be {expected}",
        "SELECT t.id, NULL AS other, t.user_id, CAST(coalesce(s.total, 0) AS text) AS stored,
                CAST(CASE WHEN t.debt_change < 0 THEN -t.debt_change ELSE 0 END AS text) AS expected
           FROM credits_transaction t
           LEFT JOIN (SELECT u.id, sum(p.value) AS total
                        FROM credits_transaction u CROSS JOIN {debts u.detail} p
                        JOIN credits_debt d ON d.user_id = u.user_id AND {uuid d.id} = p.key
                       WHERE u.user_id > $1 AND u.user_id <= $2
                         AND u.type IN ('repayment', 'forgiveness', 'reinstatement')
                       GROUP BY u.id) s
             ON s.id = t.id
          WHERE t.user_id > $1 AND t.user_id <= $2
            AND coalesce(s.total, 0) <> CASE WHEN t.debt_change < 0 THEN -t.debt_change ELSE 0 END",
    ),
    rule(
        "transaction.repays_with_its_command",
        "credits_transaction",
        "a repayment belongs to a COMPLETED transaction of the same user that was booked with it",
        "it belongs to {stored}",
        "SELECT t.id, NULL AS other, t.user_id,
                coalesce('the ' || c.type || ' ' || c.reference_id || ' of ' || c.user_id, 'no transaction') AS stored,
                NULL AS expected
           FROM credits_transaction t
           LEFT JOIN credits_transaction c ON c.id = t.related_id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.status = 'COMPLETED'
            AND (t.type = 'repayment' OR (t.type = 'freeze' AND t.origin = 'internal'))
            AND (c.id IS NULL OR c.user_id <> t.user_id OR c.status <> 'COMPLETED' OR c.created_at <> t.created_at
              OR (t.type = 'freeze' AND (c.type <> 'revocation'
                OR replace(t.reference_id, '-', '') <> 'freeze:' || {uuid c.id}))
              OR (t.type = 'repayment' AND NOT EXISTS (
                SELECT 1 FROM credits_transaction p
                 WHERE p.user_id = t.user_id AND p.amount >= -t.amount AND (p.id = c.id OR p.related_id = c.id)
                   AND 'repayment:' || {uuid p.id} = replace(t.reference_id, '-', ''))))",
    ),
    rule(
        "debt.has_transaction",
        "credits_debt",
        "the COMPLETED transaction of type `debt` in `id` exists, is of the same user, and agrees with \
         amount, revocation and deposit of the row",
        "{stored} differs from its transaction",
        "SELECT id, NULL AS other, user_id, wrong AS stored, NULL AS expected
           FROM (SELECT d.id, d.user_id, CASE
                   WHEN t.id IS NULL OR t.type <> 'debt' OR t.status <> 'COMPLETED' THEN '`id`'
                   WHEN t.user_id <> d.user_id THEN '`user_id`'
                   WHEN t.debt_change <> d.amount THEN '`amount`'
                   WHEN coalesce({uuid t.related_id}, '') <> {uuid d.revocation_id} THEN '`revocation_id`'
                   WHEN coalesce(replace({json t.detail} ->> 'depositId', '-', ''), '') <> {uuid d.deposit_id}
                     THEN '`deposit_id`'
                   WHEN t.created_at <> d.created_at THEN '`created_at`'
                   WHEN d.updated_at <> d.created_at AND NOT EXISTS (
                     SELECT 1 FROM credits_transaction u
                      WHERE u.user_id = d.user_id AND u.created_at = d.updated_at AND u.debt_change < 0)
                     THEN '`updated_at`'
                   END AS wrong
                   FROM credits_debt d LEFT JOIN credits_transaction t ON t.id = d.id
                  WHERE d.user_id > $1 AND d.user_id <= $2) s
          WHERE wrong IS NOT NULL",
    ),
    rule(
        "debt.is_within_its_amount",
        "credits_debt",
        "`repaid`, `forgiven` and `cancelled` are not negative, and at most `amount` together",
        "{stored} of {expected} are settled",
        "SELECT id, NULL AS other, user_id, repaid || ' + ' || forgiven || ' + ' || cancelled AS stored,
                CAST(amount AS text) AS expected
           FROM credits_debt
          WHERE user_id > $1 AND user_id <= $2
            AND (repaid < 0 OR forgiven < 0 OR cancelled < 0 OR repaid + forgiven + cancelled > amount)",
    ),
    rule(
        "debt.settled_by_what_its_transactions_say",
        "credits_debt",
        "`repaid`, `forgiven` and `cancelled` are what repayments, forgivenesses and reinstatements \
         settled of the debt",
        "it was settled by {stored}; its transactions say {expected}",
        "SELECT d.id, NULL AS other, d.user_id, d.repaid || ' + ' || d.forgiven || ' + ' || d.cancelled AS stored,
                coalesce(s.repaid, 0) || ' + ' || coalesce(s.forgiven, 0) || ' + ' || coalesce(s.cancelled, 0) AS expected
           FROM credits_debt d
           LEFT JOIN (SELECT p.key, sum(CASE t.type WHEN 'repayment' THEN p.value ELSE 0 END) AS repaid,
                             sum(CASE t.type WHEN 'forgiveness' THEN p.value ELSE 0 END) AS forgiven,
                             sum(CASE t.type WHEN 'reinstatement' THEN p.value ELSE 0 END) AS cancelled
                        FROM credits_transaction t CROSS JOIN {debts t.detail} p
                       WHERE t.user_id > $1 AND t.user_id <= $2 AND t.status = 'COMPLETED'
                         AND t.type IN ('repayment', 'forgiveness', 'reinstatement')
                       GROUP BY p.key) s
             ON s.key = {uuid d.id}
          WHERE d.user_id > $1 AND d.user_id <= $2
            AND (d.repaid <> coalesce(s.repaid, 0) OR d.forgiven <> coalesce(s.forgiven, 0)
              OR d.cancelled <> coalesce(s.cancelled, 0))",
    ),
    rule(
        "transaction.has_its_debt",
        "credits_transaction",
        "a COMPLETED transaction of type `debt` has its row of `credits_debt`",
        "its debt of {stored} is missing",
        "SELECT t.id, NULL AS other, t.user_id, CAST(t.debt_change AS text) AS stored, NULL AS expected
           FROM credits_transaction t LEFT JOIN credits_debt d ON d.id = t.id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.type = 'debt' AND t.status = 'COMPLETED' AND d.id IS NULL",
    ),
];
