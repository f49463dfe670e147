-- Credits that were added together and expire together.
CREATE TABLE credits_batch (
  id BLOB NOT NULL CONSTRAINT credits_batch_pkey PRIMARY KEY
    CONSTRAINT credits_batch_id_is_a_uuid CHECK (length(id) = 16),
  user_id TEXT NOT NULL,
  amount INTEGER NOT NULL,
  remaining INTEGER NOT NULL,
  held INTEGER NOT NULL DEFAULT 0,
  issued_at TEXT NOT NULL
    CONSTRAINT credits_batch_issued_at_is_an_instant
    CHECK (issued_at GLOB '????-??-??T??:??:??.??????+00:00'),
  expires_at TEXT
    CONSTRAINT credits_batch_expires_at_is_an_instant
    CHECK (expires_at GLOB '????-??-??T??:??:??.??????+00:00'),
  status TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source_plan TEXT,
  grant_period TEXT,
  paid_micros INTEGER,
  currency TEXT,
  transaction_id BLOB NOT NULL
    CONSTRAINT credits_batch_transaction_id_is_a_uuid CHECK (length(transaction_id) = 16),
  expirations INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL
    CONSTRAINT credits_batch_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  updated_at TEXT NOT NULL
    CONSTRAINT credits_batch_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT credits_batch_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_batch_amount_in_range CHECK (amount BETWEEN 1 AND 1000000000000000),
  CONSTRAINT credits_batch_remaining_within_amount CHECK (remaining BETWEEN 0 AND amount),
  CONSTRAINT credits_batch_held_within_remaining CHECK (held BETWEEN 0 AND remaining),
  CONSTRAINT credits_batch_status_known
    CHECK (status IN ('ACTIVE', 'CONSUMED', 'EXPIRED', 'REVOKED')),
  CONSTRAINT credits_batch_active_while_something_remains
    CHECK ((status = 'ACTIVE') = (remaining > 0)),
  CONSTRAINT credits_batch_source_known
    CHECK (source_type IN ('PURCHASE', 'SUBSCRIPTION', 'BONUS')),
  CONSTRAINT credits_batch_grant_period_is_a_month
    CHECK (length(grant_period) = 7 AND substr(grant_period, 5, 1) = '-'),
  CONSTRAINT credits_batch_paid_not_negative CHECK (paid_micros >= 0),
  CONSTRAINT credits_batch_expirations_not_negative CHECK (expirations >= 0)
) STRICT;

-- The order in which credits are spent.
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
