UPDATE credits_batch
SET remaining = n.value ->> 1, held = n.value ->> 2, status = n.value ->> 3,
  expirations = n.value ->> 4, updated_at = $2
FROM jsonb_each($1) AS n
WHERE credits_batch.id = unhex(n.value ->> 0)
