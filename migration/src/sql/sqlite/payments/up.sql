-- Events of payment providers, and what is known about their customers and payments.
CREATE TABLE payment_event (
  id BLOB NOT NULL CONSTRAINT payment_event_pkey PRIMARY KEY
    CONSTRAINT payment_event_id_is_a_uuid CHECK (length(id) = 16),
  provider TEXT NOT NULL,
  event_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  detail TEXT,
  waits_for TEXT,
  user_id TEXT,
  reference_ids TEXT NOT NULL CONSTRAINT payment_event_reference_ids_is_json CHECK (json_valid(reference_ids)),
  body TEXT NOT NULL,
  occurred_at TEXT
    CONSTRAINT payment_event_occurred_at_is_an_instant
    CHECK (occurred_at GLOB '????-??-??T??:??:??.??????+00:00'),
  received_at TEXT NOT NULL
    CONSTRAINT payment_event_received_at_is_an_instant
    CHECK (received_at GLOB '????-??-??T??:??:??.??????+00:00'),
  updated_at TEXT NOT NULL
    CONSTRAINT payment_event_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT payment_event_event_id_key UNIQUE (provider, event_id),
  CONSTRAINT payment_event_provider_known CHECK (provider IN ('creem', 'stripe')),
  CONSTRAINT payment_event_status_known
    CHECK (status IN ('APPLIED', 'IGNORED', 'RECEIVED', 'UNMAPPED')),
  CONSTRAINT payment_event_reason_of_status
    CHECK ((status IN ('IGNORED', 'UNMAPPED')) = (reason IS NOT NULL)),
  CONSTRAINT payment_event_event_id_length CHECK (octet_length(event_id) BETWEEN 1 AND 255),
  CONSTRAINT payment_event_kind_length CHECK (octet_length(kind) BETWEEN 1 AND 100),
  CONSTRAINT payment_event_reason_length CHECK (octet_length(reason) BETWEEN 1 AND 64),
  CONSTRAINT payment_event_detail_length CHECK (octet_length(detail) BETWEEN 1 AND 1024),
  CONSTRAINT payment_event_waits_for_length CHECK (octet_length(waits_for) BETWEEN 1 AND 300),
  CONSTRAINT payment_event_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT payment_event_body_length CHECK (octet_length(body) BETWEEN 1 AND 262144)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_event_open ON payment_event (provider, received_at, id)
  WHERE status IN ('RECEIVED', 'UNMAPPED');
CREATE INDEX payment_event_time ON payment_event (received_at, id);

CREATE TABLE payment_link (
  provider TEXT NOT NULL,
  kind TEXT NOT NULL,
  external_id TEXT NOT NULL,
  user_id TEXT,
  deposit TEXT,
  amount INTEGER,
  invoice TEXT,
  subscription_id TEXT,
  period_start TEXT
    CONSTRAINT payment_link_period_start_is_an_instant
    CHECK (period_start GLOB '????-??-??T??:??:??.??????+00:00'),
  period_end TEXT
    CONSTRAINT payment_link_period_end_is_an_instant
    CHECK (period_end GLOB '????-??-??T??:??:??.??????+00:00'),
  created_by TEXT,
  updated_at TEXT NOT NULL
    CONSTRAINT payment_link_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT payment_link_pkey PRIMARY KEY (provider, kind, external_id),
  CONSTRAINT payment_link_provider_known CHECK (provider IN ('creem', 'stripe')),
  CONSTRAINT payment_link_kind_known
    CHECK (kind IN ('customer', 'invoice', 'payment', 'subscription')),
  CONSTRAINT payment_link_external_id_length CHECK (octet_length(external_id) BETWEEN 1 AND 255),
  CONSTRAINT payment_link_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT payment_link_deposit_length CHECK (octet_length(deposit) BETWEEN 1 AND 255),
  CONSTRAINT payment_link_amount_in_range CHECK (amount BETWEEN 0 AND 1000000000000000),
  CONSTRAINT payment_link_invoice_length CHECK (octet_length(invoice) BETWEEN 1 AND 255),
  CONSTRAINT payment_link_subscription_id_length
    CHECK (octet_length(subscription_id) BETWEEN 1 AND 255),
  CONSTRAINT payment_link_period_of_subscription
    CHECK ((subscription_id IS NULL) = (period_start IS NULL)
       AND (subscription_id IS NULL) = (period_end IS NULL)),
  CONSTRAINT payment_link_period_end_after_start CHECK (period_end > period_start),
  CONSTRAINT payment_link_created_by_length CHECK (octet_length(created_by) BETWEEN 1 AND 200)
) STRICT, WITHOUT ROWID;

-- The links that an open event waits for. The event is the `id` of a `payment_event`.
CREATE TABLE payment_wait (
  event BLOB NOT NULL
    CONSTRAINT payment_wait_event_is_a_uuid CHECK (length(event) = 16),
  provider TEXT NOT NULL,
  kind TEXT NOT NULL,
  external_id TEXT NOT NULL,
  CONSTRAINT payment_wait_pkey PRIMARY KEY (event, kind, external_id),
  CONSTRAINT payment_wait_provider_known CHECK (provider IN ('creem', 'stripe')),
  CONSTRAINT payment_wait_kind_known
    CHECK (kind IN ('customer', 'invoice', 'payment', 'subscription')),
  CONSTRAINT payment_wait_external_id_length CHECK (octet_length(external_id) BETWEEN 1 AND 255)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_wait_link ON payment_wait (provider, kind, external_id);

-- The audit log may record `scrip payments dismiss`, `link` and `replay`. SQLite cannot change the
-- checks of a table, so the table is copied. Dropping a table fires no trigger.
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
    CHECK (action IN ('dead_drop', 'dead_replay', 'forgive', 'freeze', 'job_run',
                      'payment_dismiss', 'payment_link', 'payment_replay', 'publish', 'recover', 'reinstate', 'replay', 'revoke',
                      'token_create', 'token_revoke', 'topology_claim', 'unfreeze')),
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
