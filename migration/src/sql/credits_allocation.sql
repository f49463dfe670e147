-- The part of a transaction that one batch funded, received or got back. Amounts have the sign of the
-- transaction.
CREATE TABLE credits_allocation (
  {uuid transaction_id} NOT NULL,
  {uuid batch_id} NOT NULL,
  {bigint amount} NOT NULL,
  {bigint batch_remaining} NOT NULL,
  {instant created_at} NOT NULL,
  CONSTRAINT credits_allocation_pkey PRIMARY KEY (transaction_id, batch_id),
  CONSTRAINT credits_allocation_amount_in_range
    CHECK (amount <> 0 AND amount BETWEEN -1000000000000000 AND 1000000000000000),
  CONSTRAINT credits_allocation_remaining_in_range CHECK (batch_remaining BETWEEN 0 AND 1000000000000000)
) {plain};

CREATE INDEX credits_allocation_batch ON credits_allocation (batch_id);
