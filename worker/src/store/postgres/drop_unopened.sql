DELETE FROM credits_balance WHERE id = ANY($1) AND version = 0
