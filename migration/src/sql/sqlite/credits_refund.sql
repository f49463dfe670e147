-- How many credits of a consumption were returned. A group adds what it returned, so the check
-- refuses refunds that together exceed the consumption.
CREATE TABLE credits_refund (
  transaction_id BLOB NOT NULL CONSTRAINT credits_refund_pkey PRIMARY KEY
    CONSTRAINT credits_refund_transaction_id_is_a_uuid CHECK (length(transaction_id) = 16),
  user_id TEXT NOT NULL,
  taken INTEGER NOT NULL,
  refunded INTEGER NOT NULL,
  created_at TEXT NOT NULL
    CONSTRAINT credits_refund_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  updated_at TEXT NOT NULL
    CONSTRAINT credits_refund_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT credits_refund_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_refund_taken_in_range CHECK (taken BETWEEN 1 AND 1000000000000000),
  CONSTRAINT credits_refund_within_consumption CHECK (refunded BETWEEN 1 AND taken)
) STRICT;

-- For verification by ranges of users.
CREATE INDEX credits_refund_user ON credits_refund (user_id);
