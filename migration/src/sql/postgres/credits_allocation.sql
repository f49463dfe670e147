-- The part of a transaction that one batch funded, received or got back. Amounts have the sign of
-- the transaction. No index leads from a batch to its allocations: they are found by the history of
-- its user.
CREATE TYPE credits_allocation_fields AS (amount bigint, batch_remaining bigint);

CREATE DOMAIN credits_allocation_rules AS credits_allocation_fields
  CONSTRAINT credits_allocation_amount_in_range CHECK (
    (VALUE).amount <> 0 AND (VALUE).amount BETWEEN -1000000000000000 AND 1000000000000000)
  CONSTRAINT credits_allocation_remaining_in_range
    CHECK ((VALUE).batch_remaining BETWEEN 0 AND 1000000000000000);

CREATE TABLE credits_allocation (
  transaction_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  amount bigint NOT NULL,
  batch_remaining bigint NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT credits_allocation_pkey PRIMARY KEY (transaction_id, batch_id),
  CONSTRAINT credits_allocation_keeps_rules CHECK (
    ROW(amount, batch_remaining)::credits_allocation_fields::credits_allocation_rules
      IS DISTINCT FROM NULL)
);
