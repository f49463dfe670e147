INSERT INTO credits_hold (id, user_id, origin, reference_id, service, amount, captured, status,
  expires_at, sender, price_credits, price_per, closed_at, created_at, updated_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
  value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12,
  $2, $2
FROM jsonb_each($1)
