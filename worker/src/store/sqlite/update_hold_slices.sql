UPDATE credits_hold_slice
SET captured = n.value ->> 2
FROM jsonb_each($1) AS n
WHERE credits_hold_slice.hold_id = unhex(n.value ->> 0)
  AND credits_hold_slice.batch_id = unhex(n.value ->> 1) AND $2 IS NOT NULL
