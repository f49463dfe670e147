SELECT user_id
FROM credits_transaction
WHERE user_id = ANY($1) AND type = 'registration_bonus' AND status = 'COMPLETED'
