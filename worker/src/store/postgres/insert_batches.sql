INSERT INTO credits_batch (id, user_id, amount, remaining, held, issued_at, expires_at, status,
  source_type, source_plan, grant_period, paid_micros, currency, transaction_id, expirations,
    created_at,
  updated_at)
SELECT b.id, b.user_id, b.amount, b.remaining, b.held, b.issued_at, NULLIF(b.expires_at,
  '0001-01-01 00:00:00+00'), b.status,
  b.source_type, NULLIF(b.source_plan, ''), NULLIF(b.grant_period, ''), NULLIF(b.paid_micros, -1),
  NULLIF(b.currency, ''), b.transaction_id, b.expirations, $16, $16
FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[],
    $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::text[],
    $14::uuid[], $15::bigint[])
  AS b (id, user_id, amount, remaining, held, issued_at, expires_at, status, source_type,
    source_plan,
    grant_period, paid_micros, currency, transaction_id, expirations)
