//! Rules on `credits_transaction`: each field fits the type, and the rows that it names.

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
        "transaction.fields_fit_type",
        "origin, fingerprint, service, payment, subscription, period and reference are those of \
         the type, and agree with the accounts",
        "{stored} does not fit a {expected}",
        "SELECT id, NULL AS other, user_id, wrong AS stored, type AS expected
           FROM (SELECT id, user_id, type, CASE
                   WHEN origin <> CASE
                       WHEN type IN ('bonus', 'monthly_grant', 'expiration', 'debt', 'repayment') THEN 'internal'
                       WHEN type IN ('revocation', 'reinstatement', 'freeze') AND origin = 'internal' THEN 'internal'
                       WHEN type = 'consumption' THEN 'usage'
                       WHEN type IN ('purchase', 'registration_bonus', 'promotion', 'subscription', 'freeze', 'unfreeze',
                                     'revocation', 'reinstatement', 'forgiveness') THEN 'funding'
                       WHEN type = 'refund' AND origin = 'internal' THEN 'usage'
                       ELSE origin END THEN '`origin`'
                   WHEN error_code IS NOT NULL AND status = 'COMPLETED' THEN '`error_code`'
                   WHEN (fingerprint IS NULL) <> (type IN ('bonus', 'expiration', 'debt', 'repayment')
                     OR (type IN ('revocation', 'reinstatement', 'freeze') AND origin = 'internal')) THEN '`fingerprint`'
                   WHEN fingerprint IS NOT NULL AND substr({bytes fingerprint}, 1, 2) <> '01' THEN '`fingerprint`'
                   WHEN (service IS NOT NULL)
                     <> (type IN ('consumption', 'hold') OR (type IN ('capture', 'refund') AND status = 'COMPLETED'))
                     THEN '`service`'
                   WHEN amount < 0 AND credit_account <> 'SERVICE:' || service THEN '`service`'
                   WHEN amount > 0 AND debit_account <> 'SERVICE:' || service THEN '`service`'
                   WHEN quantity IS NOT NULL AND type NOT IN ('consumption', 'hold', 'capture') THEN '`quantity`'
                   WHEN purchase_id IS NULL AND status = 'COMPLETED' AND type IN ('purchase', 'bonus') THEN '`purchase_id`'
                   WHEN purchase_id IS NOT NULL AND type NOT IN ('purchase', 'bonus') THEN '`purchase_id`'
                   WHEN purchase_line IS NOT NULL AND type NOT IN ('purchase', 'bonus') THEN '`purchase_line`'
                   WHEN duplicate_of IS NOT NULL AND (type <> 'purchase' OR status <> 'COMPLETED') THEN '`duplicate_of`'
                   WHEN type = 'purchase' AND debit_account <> 'PAYMENT:' || purchase_id THEN '`purchase_id`'
                   WHEN (subscription_id IS NOT NULL) <> (type IN ('monthly_grant', 'subscription')) THEN '`subscription_id`'
                   WHEN (period_start IS NOT NULL) <> (type = 'monthly_grant') THEN '`period_start`'
                   WHEN type = 'monthly_grant'
                    AND reference_id <> 'grant:' || subscription_id || ':' || substr({instant period_start}, 1, 10)
                     THEN '`reference_id`'
                   WHEN type = 'subscription' AND subscription_id <> {json detail} -> 'request' ->> 'subscriptionId'
                     THEN '`subscription_id`'
                   WHEN related_id IS NULL AND type = 'bonus' THEN '`related_id`'
                   WHEN related_id IS NULL AND status = 'COMPLETED'
                    AND (type IN ('capture', 'release', 'refund', 'revocation', 'debt', 'repayment', 'reinstatement')
                      OR (type = 'freeze' AND origin = 'internal')) THEN '`related_id`'
                   WHEN related_id IS NOT NULL AND status = 'FAILED'
                    AND type IN ('capture', 'release', 'refund', 'revocation', 'reinstatement') THEN '`related_id`'
                   WHEN related_id IS NOT NULL
                     AND type NOT IN ('bonus', 'monthly_grant', 'refund', 'revocation', 'debt', 'repayment',
                                      'reinstatement', 'capture', 'release')
                     AND NOT (type = 'freeze' AND origin = 'internal') THEN '`related_id`'
                   WHEN origin = 'internal' AND type IN ('hold', 'capture', 'release') THEN '`origin`'
                   WHEN sender IS NOT NULL AND type <> 'bonus' AND origin = 'internal' THEN '`sender`'
                   WHEN amount = 0 AND debt_change IS NULL AND coalesce(debit_account, credit_account) IS NOT NULL
                     THEN 'an account'
                   WHEN balance_after IS NULL AND status = 'COMPLETED' THEN '`balance_after`'
                   WHEN amount = 0 AND status = 'COMPLETED' AND type NOT IN (
                       'consumption', 'registration_bonus', 'monthly_grant', 'subscription', 'freeze', 'unfreeze',
                       'hold', 'capture', 'release', 'revocation', 'debt', 'forgiveness', 'reinstatement')
                     THEN 'an `amount` of 0'
                   WHEN origin <> 'internal' AND coalesce({json detail} -> 'request' ->> 'type', '') <> CASE type
                       WHEN 'revocation' THEN 'revoke' WHEN 'reinstatement' THEN 'reinstate'
                       WHEN 'forgiveness' THEN 'forgive'
                       ELSE type END
                    AND type IN ('subscription', 'freeze', 'unfreeze', 'revocation', 'reinstatement', 'forgiveness')
                     THEN '`detail`'
                   END AS wrong
                   FROM credits_transaction WHERE user_id > $1 AND user_id <= $2) t
          WHERE wrong IS NOT NULL",
    ),
    rule(
        "transaction.fits_what_it_belongs_to",
        "the transaction that `related_id` names exists and is of the same user: the purchase of a \
         bonus or the event of a grant, booked at the same instant, or the consumption or capture \
         of a refund",
        "it belongs to {stored}; it should belong to {expected}",
        "SELECT t.id, NULL AS other, t.user_id,
                coalesce('the ' || c.type || ' ' || c.reference_id || ' of ' || c.user_id, 'no transaction') AS stored,
                CASE t.type WHEN 'bonus' THEN 'the purchase of ' || t.reference_id || ', payment ' || t.purchase_id
                            WHEN 'refund' THEN 'a consumption or capture of ' || t.user_id || ' of '
                              || coalesce(t.service, 'no service')
                            ELSE 'a command of ' || t.user_id || ' booked with it' END AS expected
           FROM credits_transaction t LEFT JOIN credits_transaction c ON c.id = t.related_id
          WHERE t.user_id > $1 AND t.user_id <= $2 AND t.related_id IS NOT NULL AND t.type IN ('bonus', 'monthly_grant', 'refund')
            AND (c.id IS NULL OR c.user_id <> t.user_id OR (t.type <> 'refund' AND c.created_at <> t.created_at)
              OR (t.type = 'refund' AND (c.type NOT IN ('consumption', 'capture') OR c.status <> 'COMPLETED'
                                      OR c.service <> t.service))
              OR (t.type = 'bonus' AND (c.type <> 'purchase' OR t.reference_id <> 'bonus:' || c.reference_id
                                     OR t.purchase_id <> c.purchase_id
                                     OR coalesce(t.purchase_line, '') <> coalesce(c.purchase_line, '')
                                     OR coalesce(t.sender, '') <> coalesce(c.sender, '') OR t.occurred_at <> c.occurred_at)))",
    ),
    rule(
        "transaction.expiration_names_its_batch",
        "the reference of an expiration names its batch and the number of the expiration",
        "`reference_id` is {stored}; it should be that of one of the {expected} expirations of its \
         batch",
        "SELECT id, NULL AS other, user_id, reference_id AS stored, expirations AS expected
           FROM (SELECT t.id, t.user_id, t.reference_id, CAST(b.expirations AS text) AS expirations,
                        'expire:' || {uuid b.id} || ':' AS start, replace(t.reference_id, '-', '') AS plain,
                        substr(replace(t.reference_id, '-', ''), 41) AS nth
                   FROM credits_transaction t
                   JOIN credits_allocation a ON a.transaction_id = t.id
                   JOIN credits_batch b ON b.id = a.batch_id
                  WHERE t.user_id > $1 AND t.user_id <= $2 AND t.type = 'expiration') e
          WHERE substr(plain, 1, 40) <> start OR nth < '1' OR length(nth) > length(expirations)
             OR (length(nth) = length(expirations) AND nth > expirations)",
    ),
    rule(
        "transaction.found_a_balance_of_the_wallet",
        "`balance_after` of a transaction that moves nothing, refusals included, is 0 or the \
         balance after a movement",
        "`balance_after` is {stored}, but the wallet never had that balance",
        // A window instead of a join: without statistics the planner would compare each row with
        // each other.
        "SELECT id, NULL AS other, user_id, CAST(balance_after AS text) AS stored, NULL AS expected
           FROM (SELECT id, user_id, amount, balance_after,
                        max(CASE WHEN amount <> 0 THEN 1 ELSE 0 END) OVER (PARTITION BY user_id, balance_after) AS is_left
                   FROM credits_transaction WHERE user_id > $1 AND user_id <= $2) t
          WHERE amount = 0 AND balance_after <> 0 AND is_left = 0",
    ),
];
