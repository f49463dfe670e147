-- The audit log of operator actions. One row records the start of an action (`BEGUN`). A second row
-- records its end and refers to the first by `begun_id`. Rows are only added.
CREATE TABLE operator_action (
  id uuid NOT NULL CONSTRAINT operator_action_pkey PRIMARY KEY,
  begun_id uuid CONSTRAINT operator_action_begun_id_key UNIQUE,
  status text NOT NULL,
  actor text COLLATE "C" NOT NULL,
  action text NOT NULL,
  subject text COLLATE "C",
  user_id text COLLATE "C",
  detail json NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT operator_action_status_known CHECK (status IN ('BEGUN', 'COMPLETED', 'FAILED')),
  CONSTRAINT operator_action_end_names_its_beginning
    CHECK ((status = 'BEGUN') = (begun_id IS NULL)),
  CONSTRAINT operator_action_actor_length CHECK (octet_length(actor) BETWEEN 1 AND 200),
  CONSTRAINT operator_action_action_known
    CHECK (action IN ('dead_drop', 'dead_replay', 'freeze', 'job_run', 'publish', 'replay',
                      'topology_claim', 'unfreeze')),
  CONSTRAINT operator_action_subject_length CHECK (octet_length(subject) BETWEEN 1 AND 255),
  CONSTRAINT operator_action_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200)
);

CREATE INDEX operator_action_time ON operator_action (created_at, id);

-- The database refuses every other change, also by the owner of the table. The owner can still drop
-- the table or this trigger. The trigger fires once per statement, also if it matches no row.
CREATE FUNCTION operator_action_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % of operator_action is refused', TG_OP
      USING ERRCODE = 'restrict_violation';
  END $$;
CREATE TRIGGER operator_action_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_action
  FOR EACH STATEMENT EXECUTE FUNCTION operator_action_refuse();

-- The database sets the time of a row and ignores the one in the insertion, so no row can be
-- backdated.
CREATE FUNCTION operator_action_time() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    NEW.created_at = pg_catalog.clock_timestamp();
    RETURN NEW;
  END $$;
CREATE TRIGGER operator_action_time BEFORE INSERT ON operator_action
  FOR EACH ROW EXECUTE FUNCTION operator_action_time();
