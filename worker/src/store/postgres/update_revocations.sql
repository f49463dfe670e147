UPDATE credits_revocation v
SET revoked = v.revoked + n.revoked, fraction = v.fraction + n.fraction, taken = v.taken + n.taken,
  indebted = v.indebted + n.indebted, updated_at = $8
FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[])
  AS n (transaction_id, user_id, issued, revoked, fraction, taken, indebted)
WHERE v.transaction_id = n.transaction_id AND v.user_id = n.user_id AND v.issued = n.issued
