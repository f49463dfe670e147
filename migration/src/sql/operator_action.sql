-- The audit log of operator actions. One row records the start of an action (`BEGUN`). A second row records
-- its end and refers to the first by `begun_id`. Rows are only added. On SQLite the table has no rowid,
-- because `INSERT OR REPLACE` with the rowid of a row would replace that row under another id.
CREATE TABLE operator_action (
  {uuid id} NOT NULL CONSTRAINT operator_action_pkey PRIMARY KEY,
  {uuid begun_id} CONSTRAINT operator_action_begun_id_key UNIQUE,
  {text status} NOT NULL,
  {key actor} NOT NULL,
  {text action} NOT NULL,
  {key subject},
  {key user_id},
  {json detail} NOT NULL,
  {instant created_at} NOT NULL,
  CONSTRAINT operator_action_status_known CHECK (status IN ('BEGUN', 'COMPLETED', 'FAILED')),
  CONSTRAINT operator_action_end_names_its_beginning CHECK ((status = 'BEGUN') = (begun_id IS NULL)),
  CONSTRAINT operator_action_actor_length CHECK (octet_length(actor) BETWEEN 1 AND 200),
  CONSTRAINT operator_action_action_known
    CHECK (action IN ('dead_drop', 'dead_replay', 'freeze', 'job_run', 'publish', 'replay', 'topology_claim', 'unfreeze')),
  CONSTRAINT operator_action_subject_length CHECK (octet_length(subject) BETWEEN 1 AND 255),
  CONSTRAINT operator_action_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200)
) {keyed};

CREATE INDEX operator_action_time ON operator_action (created_at, id);
