INSERT INTO credits_refund (transaction_id, user_id, taken, refunded, created_at, updated_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, $2, $2
FROM jsonb_each($1)
WHERE true
ON CONFLICT (transaction_id) DO UPDATE
SET refunded = credits_refund.refunded + excluded.refunded, updated_at = excluded.updated_at
WHERE credits_refund.user_id = excluded.user_id AND credits_refund.taken = excluded.taken
