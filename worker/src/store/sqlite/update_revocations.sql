UPDATE credits_revocation
SET revoked = revoked + (n.value ->> 3), fraction = fraction + (n.value ->> 4),
  taken = taken + (n.value ->> 5), indebted = indebted + (n.value ->> 6), updated_at = $2
FROM jsonb_each($1) AS n
WHERE credits_revocation.transaction_id = unhex(n.value ->> 0)
  AND credits_revocation.user_id = n.value ->> 1 AND credits_revocation.issued = n.value ->> 2
