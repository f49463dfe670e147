-- A revocation is reinstated once.
CREATE UNIQUE INDEX credits_transaction_reinstated_key ON credits_transaction (related_id)
  WHERE type = 'reinstatement' AND status = 'COMPLETED' AND origin <> 'internal';

-- What the open debts of a wallet sum up to.
ALTER TABLE credits_balance ADD COLUMN debt INTEGER NOT NULL DEFAULT 0
  CONSTRAINT credits_balance_debt_not_negative CHECK (debt >= 0);

-- The transaction that brought the credits of a batch first, if a refund or a reinstatement added
-- the batch in place of another one. Null if it is `transaction_id`.
ALTER TABLE credits_batch ADD COLUMN deposit_id BLOB
  CONSTRAINT credits_batch_deposit_id_is_a_uuid CHECK (length(deposit_id) = 16);

-- From a deposit to the batches in place of its own.
CREATE INDEX credits_batch_deposit ON credits_batch (deposit_id) WHERE deposit_id IS NOT NULL;

-- What was revoked of a deposit, which is a transaction that brought credits. `taken` came from its
-- credits, `indebted` became debt; the rest of `revoked` had expired. `fraction` is the part of a
-- credit, in millionths, that rounding left out of `revoked`. A group adds what it revoked, so the
-- checks refuse revocations that together exceed the deposit.
CREATE TABLE credits_revocation (
  transaction_id BLOB NOT NULL CONSTRAINT credits_revocation_pkey PRIMARY KEY
    CONSTRAINT credits_revocation_transaction_id_is_a_uuid CHECK (length(transaction_id) = 16),
  user_id TEXT NOT NULL,
  issued INTEGER NOT NULL,
  revoked INTEGER NOT NULL,
  fraction INTEGER NOT NULL,
  taken INTEGER NOT NULL,
  indebted INTEGER NOT NULL,
  created_at TEXT NOT NULL
    CONSTRAINT credits_revocation_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  updated_at TEXT NOT NULL
    CONSTRAINT credits_revocation_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT credits_revocation_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_revocation_issued_in_range CHECK (issued BETWEEN 1 AND 1000000000000000),
  CONSTRAINT credits_revocation_within_issued CHECK (revoked BETWEEN 0 AND issued),
  CONSTRAINT credits_revocation_fraction_below_one CHECK (fraction BETWEEN 0 AND 999999),
  CONSTRAINT credits_revocation_parts_within_revoked
    CHECK (taken >= 0 AND indebted >= 0 AND taken + indebted <= revoked)
) STRICT;

-- For verification by ranges of users.
CREATE INDEX credits_revocation_user ON credits_revocation (user_id);

-- The credits of a deposit that a revocation could not take, because they had been spent or were
-- held. The id is the one of the transaction of type `debt`. What is neither repaid nor forgiven
-- nor cancelled is open.
CREATE TABLE credits_debt (
  id BLOB NOT NULL CONSTRAINT credits_debt_pkey PRIMARY KEY
    CONSTRAINT credits_debt_id_is_a_uuid CHECK (length(id) = 16),
  user_id TEXT NOT NULL,
  revocation_id BLOB NOT NULL
    CONSTRAINT credits_debt_revocation_id_is_a_uuid CHECK (length(revocation_id) = 16),
  deposit_id BLOB NOT NULL
    CONSTRAINT credits_debt_deposit_id_is_a_uuid CHECK (length(deposit_id) = 16),
  amount INTEGER NOT NULL,
  repaid INTEGER NOT NULL DEFAULT 0,
  forgiven INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL
    CONSTRAINT credits_debt_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  updated_at TEXT NOT NULL
    CONSTRAINT credits_debt_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT credits_debt_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_debt_amount_in_range CHECK (amount BETWEEN 1 AND 1000000000000000),
  CONSTRAINT credits_debt_parts_not_negative
    CHECK (repaid >= 0 AND forgiven >= 0 AND cancelled >= 0),
  CONSTRAINT credits_debt_settled_within_amount CHECK (repaid + forgiven + cancelled <= amount)
) STRICT;

-- The open debts of a user, oldest first.
CREATE INDEX credits_debt_open ON credits_debt (user_id, id)
  WHERE repaid + forgiven + cancelled < amount;

-- The debts that a revocation left.
CREATE INDEX credits_debt_revocation ON credits_debt (revocation_id);

-- For verification by ranges of users.
CREATE INDEX credits_debt_user ON credits_debt (user_id);

-- The audit log may record `scrip publish revoke`, `reinstate` and `forgive`. SQLite cannot change
-- the checks of a table, so the table is copied. Dropping a table fires no trigger.
DROP TRIGGER operator_action_no_update;
DROP TRIGGER operator_action_no_delete;
DROP TRIGGER operator_action_no_replace;
DROP INDEX operator_action_time;
ALTER TABLE operator_action RENAME TO operator_action_before;

CREATE TABLE operator_action (
  id BLOB NOT NULL CONSTRAINT operator_action_pkey PRIMARY KEY
    CONSTRAINT operator_action_id_is_a_uuid CHECK (length(id) = 16),
  begun_id BLOB CONSTRAINT operator_action_begun_id_key UNIQUE
    CONSTRAINT operator_action_begun_id_is_a_uuid CHECK (length(begun_id) = 16),
  status TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT,
  user_id TEXT,
  detail TEXT NOT NULL CONSTRAINT operator_action_detail_is_json CHECK (json_valid(detail)),
  created_at TEXT NOT NULL
    CONSTRAINT operator_action_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT operator_action_status_known CHECK (status IN ('BEGUN', 'COMPLETED', 'FAILED')),
  CONSTRAINT operator_action_end_names_its_beginning
    CHECK ((status = 'BEGUN') = (begun_id IS NULL)),
  CONSTRAINT operator_action_actor_length CHECK (octet_length(actor) BETWEEN 1 AND 200),
  CONSTRAINT operator_action_action_known
    CHECK (action IN ('dead_drop', 'dead_replay', 'forgive', 'freeze', 'job_run', 'publish', 'recover',
                      'reinstate', 'replay', 'revoke', 'topology_claim', 'unfreeze')),
  CONSTRAINT operator_action_subject_length CHECK (octet_length(subject) BETWEEN 1 AND 255),
  CONSTRAINT operator_action_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200)
) STRICT, WITHOUT ROWID;

INSERT INTO operator_action (id, begun_id, status, actor, action, subject, user_id, detail, created_at)
  SELECT id, begun_id, status, actor, action, subject, user_id, detail, created_at
  FROM operator_action_before;
DROP TABLE operator_action_before;

CREATE INDEX operator_action_time ON operator_action (created_at, id);

-- The database refuses every other change. `INSERT OR REPLACE` deletes a row without firing a
-- delete trigger, so it is refused as an insertion.
CREATE TRIGGER operator_action_no_update BEFORE UPDATE ON operator_action
  BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE of operator_action is refused');
  END;
CREATE TRIGGER operator_action_no_delete BEFORE DELETE ON operator_action
  BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: DELETE of operator_action is refused');
  END;
CREATE TRIGGER operator_action_no_replace BEFORE INSERT ON operator_action
  WHEN EXISTS (SELECT 1 FROM operator_action WHERE id = NEW.id OR begun_id = NEW.begun_id)
  BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: a row of operator_action exists');
  END;
