INSERT INTO credits_debt (id, user_id, revocation_id, deposit_id, amount, repaid, forgiven,
  cancelled, created_at, updated_at)
SELECT d.id, d.user_id, d.revocation_id, d.deposit_id, d.amount, d.repaid, d.forgiven, d.cancelled,
  $9, $9
FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bigint[])
  AS d (id, user_id, revocation_id, deposit_id, amount, repaid, forgiven, cancelled)
