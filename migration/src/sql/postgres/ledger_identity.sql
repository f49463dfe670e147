-- The identity of the ledger: one row. A restored backup is the same ledger, so it keeps the id.
CREATE TABLE ledger_identity (
  singleton integer NOT NULL CONSTRAINT ledger_identity_pkey PRIMARY KEY,
  id uuid NOT NULL,
  CONSTRAINT ledger_identity_is_one_row CHECK (singleton = 1)
);

INSERT INTO ledger_identity (singleton, id) VALUES (1, gen_random_uuid());
