SELECT t.id, t.user_id, t.type, t.amount, t.debt_change, t.origin, t.reference_id,
  t.sender::text AS sender, t.fingerprint, t.error_code, t.balance_after, t.detail::text AS detail
FROM UNNEST($1::text[], $2::text[], $3::text::text[]) AS r (origin, reference_id, sender)
JOIN credits_transaction t ON t.origin = r.origin AND t.reference_id = r.reference_id
  AND (r.sender IS NULL OR COALESCE(t.sender, '') = r.sender)
