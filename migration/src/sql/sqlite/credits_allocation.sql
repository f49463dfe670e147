-- The part of a transaction that one batch funded, received or got back. Amounts have the sign of
-- the transaction. No index leads from a batch to its allocations: they are found by the history of
-- its user.
CREATE TABLE credits_allocation (
  transaction_id BLOB NOT NULL
    CONSTRAINT credits_allocation_transaction_id_is_a_uuid CHECK (length(transaction_id) = 16),
  batch_id BLOB NOT NULL
    CONSTRAINT credits_allocation_batch_id_is_a_uuid CHECK (length(batch_id) = 16),
  amount INTEGER NOT NULL,
  batch_remaining INTEGER NOT NULL,
  created_at TEXT NOT NULL
    CONSTRAINT credits_allocation_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT credits_allocation_pkey PRIMARY KEY (transaction_id, batch_id),
  CONSTRAINT credits_allocation_amount_in_range
    CHECK (amount <> 0 AND amount BETWEEN -1000000000000000 AND 1000000000000000),
  CONSTRAINT credits_allocation_remaining_in_range
    CHECK (batch_remaining BETWEEN 0 AND 1000000000000000)
) STRICT;
