-- One row per wallet. `balance` counts expired credits until the expiry job removes them.
-- `next_due_at` is when the next period of a subscription can be granted if no event follows.
CREATE TYPE credits_balance_fields AS (
  user_id text,
  balance bigint,
  held bigint,
  total_earned bigint,
  total_spent bigint,
  transaction_count bigint,
  version bigint,
  status text
);

CREATE DOMAIN credits_balance_rules AS credits_balance_fields
  CONSTRAINT credits_balance_user_id_length CHECK (octet_length((VALUE).user_id) BETWEEN 1 AND 200)
  CONSTRAINT credits_balance_not_negative CHECK ((VALUE).balance >= 0)
  CONSTRAINT credits_balance_held_within_balance
    CHECK ((VALUE).held = 0 OR (VALUE).held BETWEEN 1 AND (VALUE).balance)
  CONSTRAINT credits_balance_totals_not_negative CHECK (
    LEAST((VALUE).total_earned, (VALUE).total_spent, (VALUE).transaction_count, (VALUE).version)
      >= 0)
  CONSTRAINT credits_balance_status_known CHECK ((VALUE).status = ANY ('{ACTIVE,FROZEN}'::text[]));

CREATE TABLE credits_balance (
  id uuid NOT NULL CONSTRAINT credits_balance_pkey PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL CONSTRAINT credits_balance_user_id_key UNIQUE,
  balance bigint NOT NULL DEFAULT 0,
  held bigint NOT NULL DEFAULT 0,
  total_earned bigint NOT NULL DEFAULT 0,
  total_spent bigint NOT NULL DEFAULT 0,
  transaction_count bigint NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'ACTIVE',
  version bigint NOT NULL DEFAULT 0,
  next_due_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT credits_balance_keeps_rules CHECK (
    ROW(user_id, balance, held, total_earned, total_spent, transaction_count, version, status)
      ::credits_balance_fields::credits_balance_rules IS DISTINCT FROM NULL)
) WITH (fillfactor = 70);
