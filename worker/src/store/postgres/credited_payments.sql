SELECT t.id, t.reference_id, t.purchase_id, t.purchase_line
FROM UNNEST($1::text[], $2::text[]) AS p (purchase_id, purchase_line)
JOIN credits_transaction t ON t.purchase_id = p.purchase_id
  AND COALESCE(t.purchase_line, '') = p.purchase_line
WHERE t.type = 'purchase' AND t.status = 'COMPLETED' AND t.duplicate_of IS NULL
