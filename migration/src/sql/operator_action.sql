-- The audit log: what operators did by hand. A row says what is about to be done (`BEGUN`), and a second row, which names
-- the first by `begun_id`, how it ended. Rows are only ever added. The table has no rowid on SQLite: `INSERT OR REPLACE` with
-- the rowid of a row would replace that row under another id.
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
