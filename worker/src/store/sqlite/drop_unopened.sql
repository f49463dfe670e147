DELETE FROM credits_balance
WHERE id IN (SELECT unhex(value ->> 0) FROM jsonb_each($1)) AND version = 0
