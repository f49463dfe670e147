INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, $2
FROM jsonb_each($1)
