SELECT d.id, d.user_id, d.revocation_id, d.deposit_id, d.amount, d.repaid, d.forgiven, d.cancelled
FROM UNNEST($1::text[]) AS u (user_id)
JOIN credits_debt d ON d.user_id = u.user_id
WHERE d.repaid + d.forgiven + d.cancelled < d.amount
UNION ALL
SELECT d.id, d.user_id, d.revocation_id, d.deposit_id, d.amount, d.repaid, d.forgiven, d.cancelled
FROM UNNEST($2::uuid[]) AS r (revocation_id)
JOIN credits_debt d ON d.revocation_id = r.revocation_id
