-- Fills in the deposit of batches that refunds added in place of others, which may have replaced
-- others. A worker of the previous release does not write it.
WITH RECURSIVE replaced AS (
  SELECT b.id,
    CAST(t.detail -> 'batches' -> replace(CAST(b.id AS text), '-', '') ->> 'replaces' AS uuid)
      AS replaces
  FROM credits_refund f
  JOIN credits_transaction t ON t.related_id = f.transaction_id AND t.type = 'refund'
  JOIN credits_batch b ON b.transaction_id = t.id),
followed AS (
  SELECT id, replaces FROM replaced
  UNION ALL
  SELECT f.id, r.replaces FROM followed f JOIN replaced r ON r.id = f.replaces)
UPDATE credits_batch b
SET deposit_id = COALESCE(first.deposit_id, first.transaction_id)
FROM followed f JOIN credits_batch first ON first.id = f.replaces
WHERE b.id = f.id AND b.deposit_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM replaced r WHERE r.id = f.replaces);
