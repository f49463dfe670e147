UPDATE credits_hold
SET captured = n.value ->> 1, status = n.value ->> 2, closed_at = n.value ->> 3, updated_at = $2
FROM jsonb_each($1) AS n
WHERE credits_hold.id = unhex(n.value ->> 0)
