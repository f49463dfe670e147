-- Tokens of the HTTP API. A token's secret is not stored, only its SHA-256.
CREATE TABLE http_token (
  id BLOB NOT NULL CONSTRAINT http_token_pkey PRIMARY KEY
    CONSTRAINT http_token_id_is_a_uuid CHECK (length(id) = 16),
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  secret_hash BLOB NOT NULL,
  user_prefixes TEXT
    CONSTRAINT http_token_user_prefixes_is_json CHECK (json_valid(user_prefixes)),
  services TEXT CONSTRAINT http_token_services_is_json CHECK (json_valid(services)),
  rate INTEGER,
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL
    CONSTRAINT http_token_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  expires_at TEXT
    CONSTRAINT http_token_expires_at_is_an_instant
    CHECK (expires_at GLOB '????-??-??T??:??:??.??????+00:00'),
  revoked_at TEXT
    CONSTRAINT http_token_revoked_at_is_an_instant
    CHECK (revoked_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT http_token_name_length CHECK (octet_length(name) BETWEEN 1 AND 200),
  CONSTRAINT http_token_role_known CHECK (role IN ('admin', 'app', 'bridge')),
  CONSTRAINT http_token_secret_hash_length CHECK (octet_length(secret_hash) = 32),
  CONSTRAINT http_token_rate_in_range CHECK (rate BETWEEN 1 AND 1000000),
  CONSTRAINT http_token_created_by_length CHECK (octet_length(created_by) BETWEEN 1 AND 200)
) STRICT, WITHOUT ROWID;

-- The audit log may record `scrip token create` and `scrip token revoke`. SQLite cannot change the
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
    CHECK (action IN ('dead_drop', 'dead_replay', 'forgive', 'freeze', 'job_run', 'publish',
                      'recover', 'reinstate', 'replay', 'revoke', 'token_create', 'token_revoke',
                      'topology_claim', 'unfreeze')),
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
