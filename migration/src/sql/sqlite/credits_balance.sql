-- One row per wallet. `balance` counts expired credits until the expiry job removes them.
-- `next_due_at` is when the next period of a subscription can be granted if no event follows.
CREATE TABLE credits_balance (
  id BLOB NOT NULL CONSTRAINT credits_balance_pkey PRIMARY KEY
    CONSTRAINT credits_balance_id_is_a_uuid CHECK (length(id) = 16),
  user_id TEXT NOT NULL CONSTRAINT credits_balance_user_id_key UNIQUE,
  balance INTEGER NOT NULL DEFAULT 0,
  held INTEGER NOT NULL DEFAULT 0,
  total_earned INTEGER NOT NULL DEFAULT 0,
  total_spent INTEGER NOT NULL DEFAULT 0,
  transaction_count INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL DEFAULT 'ACTIVE',
  version INTEGER NOT NULL DEFAULT 0,
  next_due_at TEXT
    CONSTRAINT credits_balance_next_due_at_is_an_instant
    CHECK (next_due_at GLOB '????-??-??T??:??:??.??????+00:00'),
  created_at TEXT NOT NULL
    CONSTRAINT credits_balance_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  updated_at TEXT NOT NULL
    CONSTRAINT credits_balance_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT credits_balance_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_balance_not_negative CHECK (balance >= 0),
  CONSTRAINT credits_balance_held_within_balance CHECK (held = 0 OR held BETWEEN 1 AND balance),
  CONSTRAINT credits_balance_totals_not_negative
    CHECK (total_earned >= 0 AND total_spent >= 0 AND transaction_count >= 0 AND version >= 0),
  CONSTRAINT credits_balance_status_known CHECK (status IN ('ACTIVE', 'FROZEN'))
) STRICT;
