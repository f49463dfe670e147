WITH booked AS MATERIALIZED (SELECT coalesce($23::timestamptz, clock_timestamp()) AS at),
posted AS (
  INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, origin,
    reference_id, fingerprint, status, error_code, balance_after, service, quantity, purchase_id,
      purchase_line,
    related_id, description, metadata, detail, occurred_at, subscription_id, period_start, sender,
      created_at)
  SELECT t.id, t.user_id, t.type, t.amount,
    CASE WHEN t.amount < 0 THEN 'WALLET:' || t.user_id ELSE NULLIF(t.other, '') END,
    CASE WHEN t.amount > 0 THEN 'WALLET:' || t.user_id ELSE NULLIF(t.other, '') END,
    t.origin, t.reference_id, NULLIF(t.fingerprint, ''::bytea),
    CASE WHEN t.error_code > '' THEN 'FAILED' ELSE 'COMPLETED' END, NULLIF(t.error_code, ''),
    NULLIF(t.balance_after, -1), NULLIF(t.service, ''), NULLIF(t.quantity, -1),
      NULLIF(t.purchase_id, ''),
    NULLIF(t.purchase_line, ''),
    NULLIF(t.related_id, '00000000-0000-0000-0000-000000000000'::uuid), NULLIF(t.description, ''),
    NULLIF(t.metadata, '')::json, NULLIF(t.detail, '')::json, t.occurred_at,
    NULLIF(t.subscription_id, ''), NULLIF(t.period_start, '0001-01-01 00:00:00+00'),
      NULLIF(t.sender, ''), booked.at
  FROM booked CROSS JOIN UNNEST($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[],
    $6::text[], $7::text[],
      $8::bytea[], $9::text[], $10::bigint[], $11::text[], $12::bigint[], $13::text[],
        $14::text[], $15::uuid[],
      $16::text[], $17::text[], $18::text[], $19::timestamptz[], $20::text[], $21::timestamptz[],
        $22::text[])
    AS t (id, user_id, type, amount, other, origin, reference_id, fingerprint, error_code,
      balance_after,
      service, quantity, purchase_id, purchase_line, related_id, description, metadata, detail,
        occurred_at,
      subscription_id, period_start, sender)
  RETURNING 1)
SELECT booked.at, (SELECT count(*) FROM posted) AS written FROM booked
