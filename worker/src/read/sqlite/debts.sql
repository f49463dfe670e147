SELECT d.id, d.user_id, d.revocation_id, d.deposit_id, d.amount, d.repaid, d.forgiven, d.cancelled
FROM jsonb_each($1) AS u
JOIN credits_debt d ON d.user_id = u.value ->> 0
WHERE d.repaid + d.forgiven + d.cancelled < d.amount
UNION ALL
SELECT d.id, d.user_id, d.revocation_id, d.deposit_id, d.amount, d.repaid, d.forgiven, d.cancelled
FROM jsonb_each($2) AS r
JOIN credits_debt d ON d.revocation_id = unhex(r.value ->> 0)
