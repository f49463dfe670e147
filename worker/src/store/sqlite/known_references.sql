SELECT t.id, t.user_id, t.type, t.amount, t.debt_change, t.origin, t.reference_id, t.sender,
  t.fingerprint, t.error_code, t.balance_after, t.detail
FROM jsonb_each($1) AS r
JOIN credits_transaction t ON t.origin = r.value ->> 0 AND t.reference_id = r.value ->> 1
  AND (r.value ->> 2 IS NULL OR COALESCE(t.sender, '') = r.value ->> 2)
