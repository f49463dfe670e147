INSERT INTO credits_revocation (transaction_id, user_id, issued, revoked, fraction, taken, indebted,
  created_at, updated_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, 0, 0, 0, 0, $2, $2
FROM jsonb_each($1)
WHERE true
ON CONFLICT (transaction_id) DO NOTHING
