-- The identity of the ledger: one row. A restored backup is the same ledger, so it keeps the id.
CREATE TABLE ledger_identity (
  singleton INTEGER NOT NULL CONSTRAINT ledger_identity_pkey PRIMARY KEY,
  id BLOB NOT NULL CONSTRAINT ledger_identity_id_is_a_uuid CHECK (length(id) = 16),
  CONSTRAINT ledger_identity_is_one_row CHECK (singleton = 1)
) STRICT;

INSERT INTO ledger_identity (singleton, id) VALUES (1, randomblob(16));
