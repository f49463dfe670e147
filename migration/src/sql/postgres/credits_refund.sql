-- How many credits of a consumption were returned. A group adds what it returned, so the check
-- refuses refunds that together exceed the consumption, also if two writers race.
CREATE TABLE credits_refund (
  transaction_id uuid NOT NULL CONSTRAINT credits_refund_pkey PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  taken bigint NOT NULL,
  refunded bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT credits_refund_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_refund_taken_in_range CHECK (taken BETWEEN 1 AND 1000000000000000),
  CONSTRAINT credits_refund_within_consumption CHECK (refunded BETWEEN 1 AND taken)
);

-- For verification by ranges of users.
CREATE INDEX credits_refund_user ON credits_refund (user_id);
