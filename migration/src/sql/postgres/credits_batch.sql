-- Credits that were added together and expire together.
CREATE TYPE credits_batch_fields AS (
  user_id text,
  amount bigint,
  remaining bigint,
  held bigint,
  status text,
  source_type text,
  grant_period text,
  paid_micros bigint,
  expirations integer
);

CREATE DOMAIN credits_batch_rules AS credits_batch_fields
  CONSTRAINT credits_batch_user_id_length CHECK (octet_length((VALUE).user_id) BETWEEN 1 AND 200)
  CONSTRAINT credits_batch_amount_in_range CHECK ((VALUE).amount BETWEEN 1 AND 1000000000000000)
  CONSTRAINT credits_batch_remaining_within_amount
    CHECK ((VALUE).remaining BETWEEN 0 AND (VALUE).amount)
  CONSTRAINT credits_batch_held_within_remaining
    CHECK ((VALUE).held BETWEEN 0 AND (VALUE).remaining)
  CONSTRAINT credits_batch_status_known
    CHECK ((VALUE).status = ANY ('{ACTIVE,CONSUMED,EXPIRED,REVOKED}'::text[]))
  CONSTRAINT credits_batch_active_while_something_remains
    CHECK (((VALUE).status = 'ACTIVE') = ((VALUE).remaining > 0))
  CONSTRAINT credits_batch_source_known
    CHECK ((VALUE).source_type = ANY ('{PURCHASE,SUBSCRIPTION,BONUS}'::text[]))
  CONSTRAINT credits_batch_grant_period_is_a_month CHECK ((VALUE).grant_period LIKE '____-__')
  CONSTRAINT credits_batch_paid_not_negative CHECK ((VALUE).paid_micros >= 0)
  CONSTRAINT credits_batch_expirations_not_negative CHECK ((VALUE).expirations >= 0);

CREATE TABLE credits_batch (
  id uuid NOT NULL CONSTRAINT credits_batch_pkey PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  amount bigint NOT NULL,
  remaining bigint NOT NULL,
  held bigint NOT NULL DEFAULT 0,
  issued_at timestamptz NOT NULL,
  expires_at timestamptz,
  status text NOT NULL,
  source_type text NOT NULL,
  source_plan text,
  grant_period text,
  paid_micros bigint,
  currency text,
  transaction_id uuid NOT NULL,
  expirations integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT credits_batch_keeps_rules CHECK (
    ROW(user_id, amount, remaining, held, status, source_type, grant_period, paid_micros,
        expirations)
      ::credits_batch_fields::credits_batch_rules IS DISTINCT FROM NULL)
) WITH (fillfactor = 70);

-- The order in which credits are spent. No index contains `remaining`, so an update of it stays a
-- HOT update.
CREATE INDEX credits_batch_spendable ON credits_batch
  (user_id, (expires_at IS NULL), expires_at, (source_type = 'PURCHASE'), issued_at, id)
  WHERE status = 'ACTIVE';

-- Batches that are due to expire.
CREATE INDEX credits_batch_due ON credits_batch (expires_at, user_id)
  WHERE status = 'ACTIVE' AND expires_at IS NOT NULL;

-- From a crediting transaction to its batch.
CREATE INDEX credits_batch_transaction ON credits_batch (transaction_id);

-- All batches of a user, including closed ones, for listings and for verification by ranges of
-- users.
CREATE INDEX credits_batch_user ON credits_batch (user_id);
