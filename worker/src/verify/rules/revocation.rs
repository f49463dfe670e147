//! Rules on revocations and reinstatements: `credits_revocation` counts them, and they fit the
//! deposits, which are the transactions that brought the credits.

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
        "revocation.is_within_its_deposit",
        "credits_revocation",
        "`issued` is what a deposit of the same user brought, `revoked` is at most that, and `taken` \
         and `indebted` together are at most `revoked`",
        "{stored} does not fit {expected}",
        "SELECT v.transaction_id AS id, NULL AS other, v.user_id,
                v.revoked || ' of ' || v.issued || ', taken ' || v.taken || ', owed ' || v.indebted || ', and '
                  || v.fraction || ' millionths' AS stored,
                coalesce('the ' || t.type || ' of ' || CAST(t.amount AS text) || ' of ' || t.user_id,
                         'no transaction') AS expected
           FROM credits_revocation v LEFT JOIN credits_transaction t ON t.id = v.transaction_id
          WHERE v.user_id > $1 AND v.user_id <= $2
            AND (t.id IS NULL OR t.user_id <> v.user_id OR t.status <> 'COMPLETED' OR v.issued <> t.amount
              OR t.type NOT IN ('purchase', 'bonus', 'registration_bonus', 'monthly_grant', 'promotion')
              OR v.revoked NOT BETWEEN 0 AND v.issued OR v.taken < 0 OR v.indebted < 0
              OR v.taken + v.indebted > v.revoked OR v.fraction NOT BETWEEN 0 AND 999999
              OR (v.revoked = v.issued AND v.fraction <> 0))",
    ),
    // A reinstated revocation counts no more.
    rule(
        "revocation.counts_its_revocations",
        "credits_revocation",
        "`revoked`, `taken` and `indebted` are the sums of the revocations of the deposit that were \
         not reinstated",
        "it counts {stored}; its revocations say {expected}",
        "SELECT id, NULL AS other, user_id,
                sum(counted) || ' revoked, ' || sum(counted_taken) || ' taken, ' || sum(counted_debt) || ' owed' AS stored,
                sum(revoked) || ' revoked, ' || sum(taken) || ' taken, ' || sum(debt) || ' owed' AS expected
           FROM (SELECT {uuid transaction_id} AS deposit, transaction_id AS id, user_id, revoked AS counted,
                        taken AS counted_taken, indebted AS counted_debt, 0 AS revoked, 0 AS taken, 0 AS debt
                   FROM credits_revocation WHERE user_id > $1 AND user_id <= $2
                 UNION ALL
                 SELECT deposit, d.id, r.user_id, 0, 0, 0, r.revoked, r.taken, r.debt
                   FROM (SELECT replace({json t.detail} ->> 'depositId', '-', '') AS deposit, t.user_id,
                                CAST(coalesce({json t.detail} ->> 'revoked', '0') AS bigint) AS revoked,
                                -t.amount AS taken, coalesce(t.debt_change, 0) AS debt,
                                CASE WHEN t.origin = 'internal' THEN t.related_id ELSE t.id END AS own
                           FROM credits_transaction t
                          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.status = 'COMPLETED'
                            AND t.type IN ('revocation', 'debt')) r
                   JOIN credits_transaction d ON d.user_id = r.user_id AND {uuid d.id} = r.deposit
                   LEFT JOIN credits_transaction g ON g.related_id = r.own AND g.type = 'reinstatement'
                    AND g.status = 'COMPLETED' AND g.origin <> 'internal'
                  WHERE g.id IS NULL) u
          GROUP BY deposit, id, user_id
         HAVING sum(counted) <> sum(revoked) OR sum(counted_taken) <> sum(taken) OR sum(counted_debt) <> sum(debt)",
    ),
    rule(
        "revocation.instants_are_those_of_its_revocations",
        "credits_revocation",
        "`created_at` and `updated_at` are those of revocations or reinstatements of the user",
        "{stored} is that of no revocation",
        "SELECT transaction_id AS id, NULL AS other, user_id, wrong AS stored, NULL AS expected
           FROM (SELECT v.transaction_id, v.user_id, CASE
                   WHEN NOT EXISTS (SELECT 1 FROM credits_transaction t WHERE t.user_id = v.user_id
                                       AND t.type = 'revocation' AND t.created_at = v.created_at) THEN '`created_at`'
                   WHEN NOT EXISTS (SELECT 1 FROM credits_transaction t WHERE t.user_id = v.user_id
                                       AND t.type IN ('revocation', 'reinstatement')
                                       AND t.created_at = v.updated_at) THEN '`updated_at`'
                   END AS wrong
                   FROM credits_revocation v WHERE v.user_id > $1 AND v.user_id <= $2) s
          WHERE wrong IS NOT NULL",
    ),
    // The own row of `revoke` names the deposit in `related_id`. The row about the bonus of a
    // purchase and the debts belong to it.
    rule(
        "transaction.revokes_its_deposit",
        "credits_transaction",
        "a revocation and its debt name a deposit of the same user in `detail`, and the account that \
         its credits came from; the row about a bonus and a debt belong to a revocation that was \
         booked with them",
        "{stored} does not fit {expected}",
        "SELECT id, NULL AS other, user_id, wrong AS stored, 'a ' || type || ' of ' || what AS expected
           FROM (SELECT t.id, t.user_id, t.type,
                        coalesce('the ' || d.type || ' ' || d.reference_id, 'no deposit') AS what, CASE
                   WHEN d.id IS NULL OR d.status <> 'COMPLETED'
                     OR d.type NOT IN ('purchase', 'bonus', 'registration_bonus', 'monthly_grant', 'promotion')
                     THEN '`detail.depositId`'
                   WHEN (t.amount <> 0 OR t.debt_change IS NOT NULL) AND coalesce(t.credit_account, '') <> d.debit_account
                     THEN '`credit_account`'
                   WHEN t.type = 'revocation' AND coalesce(t.revoked, -1) < -t.amount THEN '`detail.revoked`'
                   WHEN t.origin <> 'internal' THEN CASE WHEN t.related_id <> d.id THEN '`related_id`' END
                   WHEN o.id IS NULL OR o.user_id <> t.user_id OR o.type <> 'revocation' OR o.origin = 'internal'
                     OR o.status <> 'COMPLETED' OR o.created_at <> t.created_at THEN '`related_id`'
                   WHEN t.type = 'revocation' AND replace(t.reference_id, '-', '') <> 'revocation:' || {uuid o.id}
                     THEN '`reference_id`'
                   WHEN t.type = 'revocation' AND (d.type <> 'bonus' OR d.related_id <> o.related_id)
                     THEN '`detail.depositId`'
                   WHEN t.type = 'debt' AND NOT EXISTS (
                     SELECT 1 FROM credits_transaction p
                      WHERE p.user_id = t.user_id AND p.type = 'revocation'
                        AND 'debt:' || {uuid p.id} = replace(t.reference_id, '-', '')
                        AND (p.id = o.id OR p.related_id = o.id)) THEN '`reference_id`'
                   END AS wrong
                   FROM (SELECT c.*, replace({json detail} ->> 'depositId', '-', '') AS deposit,
                                CAST({json detail} ->> 'revoked' AS bigint) AS revoked
                           FROM credits_transaction c
                          WHERE user_id > $1 AND user_id <= $2 AND type IN ('revocation', 'debt')
                            AND status = 'COMPLETED') t
                   LEFT JOIN credits_transaction d ON d.user_id = t.user_id AND {uuid d.id} = t.deposit
                   LEFT JOIN credits_transaction o ON o.id = t.related_id) s
          WHERE wrong IS NOT NULL",
    ),
    rule(
        "transaction.reinstates_its_revocation",
        "credits_transaction",
        "a reinstatement belongs to a revocation of the same user, each of its further rows to the \
         reinstatement that was booked with it, and the account is the one that the credits came from",
        "{stored} does not fit {expected}",
        "SELECT id, NULL AS other, user_id, wrong AS stored, 'a reinstatement of ' || what AS expected
           FROM (SELECT t.id, t.user_id, coalesce('the ' || o.type || ' ' || o.reference_id, 'nothing') AS what, CASE
                   WHEN o.id IS NULL OR o.user_id <> t.user_id OR o.status <> 'COMPLETED' OR o.origin = 'internal'
                     OR o.type <> CASE WHEN t.origin = 'internal' THEN 'reinstatement' ELSE 'revocation' END
                     OR (t.origin = 'internal' AND o.created_at <> t.created_at) THEN '`related_id`'
                   WHEN (t.deposit IS NULL) <> (t.debt_change IS NOT NULL) THEN '`detail.depositId`'
                   WHEN t.deposit IS NOT NULL AND d.id IS NULL THEN '`detail.depositId`'
                   WHEN t.amount > 0 AND coalesce(t.debit_account, '') <> d.debit_account THEN '`debit_account`'
                   WHEN t.debt_change IS NOT NULL AND NOT EXISTS (
                     SELECT 1 FROM credits_transaction p
                      WHERE p.user_id = t.user_id AND p.type = 'debt' AND p.related_id = o.related_id
                        AND p.credit_account = t.debit_account
                        AND 'cancellation:' || {uuid p.id} = replace(t.reference_id, '-', ''))
                     THEN '`reference_id`'
                   WHEN t.origin = 'internal' AND t.debt_change IS NULL AND NOT EXISTS (
                     SELECT 1 FROM credits_transaction p
                      WHERE p.user_id = t.user_id AND p.type = 'revocation' AND p.related_id = o.related_id
                        AND 'reinstatement:' || {uuid p.id} = replace(t.reference_id, '-', ''))
                     THEN '`reference_id`'
                   END AS wrong
                   FROM (SELECT c.*, replace({json detail} ->> 'depositId', '-', '') AS deposit
                           FROM credits_transaction c
                          WHERE user_id > $1 AND user_id <= $2 AND type = 'reinstatement'
                            AND status = 'COMPLETED') t
                   LEFT JOIN credits_transaction d ON d.user_id = t.user_id AND {uuid d.id} = t.deposit
                   LEFT JOIN credits_transaction o ON o.id = t.related_id) s
          WHERE wrong IS NOT NULL",
    ),
    rule(
        "transaction.reinstated_once",
        "credits_transaction",
        "a revocation is reinstated once",
        "it is one of {stored} reinstatements of its revocation",
        "SELECT t.id, NULL AS other, t.user_id, CAST(s.times AS text) AS stored, NULL AS expected
           FROM (SELECT user_id, related_id, count(*) AS times FROM credits_transaction
                  WHERE user_id > $1 AND user_id <= $2 AND type = 'reinstatement' AND status = 'COMPLETED'
                    AND origin <> 'internal'
                  GROUP BY user_id, related_id HAVING count(*) > 1) s
           JOIN credits_transaction t ON t.user_id = s.user_id AND t.related_id = s.related_id
          WHERE t.type = 'reinstatement' AND t.status = 'COMPLETED' AND t.origin <> 'internal'",
    ),
    // What had repaid a debt returns with what was taken.
    rule(
        "transaction.reinstates_what_was_taken_and_repaid",
        "credits_transaction",
        "a reinstatement returns what its revocation took, and what had repaid the debts of the \
         revocation",
        "its rows return {stored}; its revocation took {expected}, repayments included",
        "SELECT o.id, NULL AS other, o.user_id, CAST(s.returned AS text) AS stored,
                CAST(s.taken AS text) AS expected
           FROM credits_transaction o
           JOIN (SELECT own, sum(returned) AS returned, sum(taken) AS taken
                   FROM (SELECT id AS own, amount AS returned, 0 AS taken FROM credits_transaction
                          WHERE user_id > $1 AND user_id <= $2 AND type = 'reinstatement' AND origin <> 'internal'
                            AND status = 'COMPLETED'
                         UNION ALL
                         SELECT related_id, amount, 0 FROM credits_transaction
                          WHERE user_id > $1 AND user_id <= $2 AND type = 'reinstatement' AND origin = 'internal'
                         UNION ALL
                         SELECT g.id, 0, -v.amount
                           FROM credits_transaction g
                           JOIN credits_transaction v ON v.user_id = g.user_id AND v.type = 'revocation'
                            AND (v.id = g.related_id OR v.related_id = g.related_id)
                          WHERE g.user_id > $1 AND g.user_id <= $2 AND g.type = 'reinstatement'
                            AND g.origin <> 'internal' AND g.status = 'COMPLETED'
                         UNION ALL
                         SELECT g.id, 0, d.repaid
                           FROM credits_transaction g JOIN credits_debt d ON d.revocation_id = g.related_id
                          WHERE g.user_id > $1 AND g.user_id <= $2 AND g.type = 'reinstatement'
                            AND g.origin <> 'internal' AND g.status = 'COMPLETED') u
                  GROUP BY own) s ON s.own = o.id
          WHERE o.user_id > $1 AND o.user_id <= $2 AND s.returned <> s.taken",
    ),
];
