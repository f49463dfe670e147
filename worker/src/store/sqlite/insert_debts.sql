INSERT INTO credits_debt (id, user_id, revocation_id, deposit_id, amount, repaid, forgiven,
  cancelled, created_at, updated_at)
SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), unhex(value ->> 3), value ->> 4,
  value ->> 5, value ->> 6, value ->> 7, $2, $2
FROM jsonb_each($1)
