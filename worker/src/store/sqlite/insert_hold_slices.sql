INSERT INTO credits_hold_slice (hold_id, position, batch_id, amount, captured)
SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4
FROM jsonb_each($1)
WHERE $2 IS NOT NULL
