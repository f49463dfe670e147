SELECT user_id
FROM credits_transaction
WHERE user_id IN (SELECT value ->> 0 FROM jsonb_each($1))
  AND type = 'registration_bonus' AND status = 'COMPLETED'
