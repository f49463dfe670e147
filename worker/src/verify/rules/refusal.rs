//! Rules on the FAILED rows of `credits_transaction`, which store the refused request.

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
    // A newer worker may write codes that are not in this list.
    rule(
        "transaction.refusal_fits_request",
        "a refusal repeats its request, and its code fits the request",
        "{stored} does not fit the refused {expected}",
        "SELECT id, NULL AS other, user_id, wrong AS stored, type AS expected
           FROM (SELECT id, user_id, type, CASE
                   WHEN request IS NULL AND type <> 'monthly_grant' THEN '`detail`'
                   WHEN CASE request ->> 'type' WHEN 'consume' THEN 'consumption' WHEN 'grant' THEN request ->> 'reason'
                                                WHEN 'revoke' THEN 'revocation' WHEN 'reinstate' THEN 'reinstatement'
                                                WHEN 'forgive' THEN 'forgiveness'
                                                ELSE request ->> 'type' END <> type THEN '`type`'
                   WHEN coalesce(service, '') <> coalesce(request ->> 'service', '') THEN '`service`'
                   WHEN type <> 'purchase'
                     AND coalesce(CAST(quantity AS text), '') <> coalesce(CAST(request ->> 'quantity' AS text), '')
                     THEN '`quantity`'
                   WHEN purchase_id <> coalesce(request ->> 'purchaseId', '') THEN '`purchase_id`'
                   WHEN coalesce(purchase_line, '') <> coalesce(request ->> 'purchaseLine', '') THEN '`purchase_line`'
                   WHEN subscription_id <> request ->> 'subscriptionId' THEN '`subscription_id`'
                   WHEN {instant period_start} <> request ->> 'periodStart' THEN '`period_start`'
                   WHEN NOT CASE error_code
                       WHEN 'wallet_not_found' THEN balance_after IS NULL
                         AND type IN ('consumption', 'hold', 'capture', 'release', 'refund', 'freeze', 'unfreeze',
                                      'revocation', 'reinstatement', 'forgiveness')
                       WHEN 'debt_outstanding' THEN balance_after IS NOT NULL AND type IN ('consumption', 'hold')
                       WHEN 'wallet_frozen' THEN balance_after IS NOT NULL AND type IN ('consumption', 'hold')
                       WHEN 'insufficient_credits'
                         THEN balance_after IS NOT NULL AND type IN ('consumption', 'hold', 'capture')
                       WHEN 'already_granted' THEN balance_after IS NOT NULL AND type = 'registration_bonus' AND EXISTS (
                         SELECT 1 FROM credits_transaction g
                          WHERE g.user_id = t.user_id AND g.type = 'registration_bonus' AND g.status = 'COMPLETED')
                       WHEN 'max_balance_reached' THEN type IN ('promotion', 'monthly_grant')
                         OR (type = 'registration_bonus' AND NOT EXISTS (
                         SELECT 1 FROM credits_transaction g
                          WHERE g.user_id = t.user_id AND g.type = 'registration_bonus' AND g.status = 'COMPLETED'
                            AND g.created_at < t.created_at))
                       WHEN 'duplicate_payment' THEN type = 'purchase'
                       WHEN 'original_not_found'
                         THEN balance_after IS NOT NULL AND type IN ('refund', 'revocation', 'reinstatement')
                       WHEN 'amount_paid_unknown'
                         THEN type = 'revocation' AND request ->> 'refundedMicros' IS NOT NULL
                       WHEN 'revoke_exceeds_credits' THEN balance_after IS NOT NULL AND type = 'revocation'
                       WHEN 'already_reinstated' THEN type = 'reinstatement' AND EXISTS (
                         SELECT 1 FROM credits_transaction r
                           JOIN credits_transaction g ON g.related_id = r.id
                          WHERE r.user_id = t.user_id AND r.reference_id = request ->> 'of' AND r.type = 'revocation'
                            AND g.type = 'reinstatement' AND g.status = 'COMPLETED')
                       WHEN 'forgive_exceeds_debt' THEN balance_after IS NOT NULL AND type = 'forgiveness'
                       WHEN 'refund_exceeds_consumption' THEN balance_after IS NOT NULL AND type = 'refund'
                       WHEN 'hold_not_found' THEN balance_after IS NOT NULL AND type IN ('capture', 'release')
                       WHEN 'hold_closed' THEN type IN ('capture', 'release') AND EXISTS (
                         SELECT 1 FROM credits_hold h
                          WHERE h.user_id = t.user_id AND h.reference_id = request ->> 'hold')
                       ELSE FALSE END THEN '`error_code`'
                   WHEN CASE
                       WHEN error_code = 'insufficient_credits' THEN required IS NULL
                       WHEN error_code IN ('refund_exceeds_consumption', 'revoke_exceeds_credits', 'forgive_exceeds_debt')
                         THEN coalesce(CAST(required AS text), '') <> coalesce(CAST(request ->> 'amount' AS text), '')
                       ELSE required IS NOT NULL END THEN '`error_code`'
                   END AS wrong
                   FROM (SELECT c.*, {json detail} -> 'request' AS request, {json detail} ->> 'required' AS required
                           FROM credits_transaction c
                          WHERE user_id > $1 AND user_id <= $2 AND status = 'FAILED') t) s
          WHERE wrong IS NOT NULL",
    ),
];
