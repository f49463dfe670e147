SELECT t.id, t.reference_id, t.purchase_id, t.purchase_line
FROM jsonb_each($1) AS p
CROSS JOIN credits_transaction t
WHERE t.purchase_id = p.value ->> 0 AND COALESCE(t.purchase_line, '') = p.value ->> 1
  AND t.type = 'purchase' AND t.status = 'COMPLETED' AND t.duplicate_of IS NULL
