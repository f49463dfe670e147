-- The identity of the ledger: one row. A restored backup is the same ledger, so it keeps the id.
CREATE TABLE ledger_identity (
  {int singleton} NOT NULL CONSTRAINT ledger_identity_pkey PRIMARY KEY,
  {uuid id} NOT NULL,
  CONSTRAINT ledger_identity_is_one_row CHECK (singleton = 1)
) {plain};
