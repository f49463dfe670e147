-- One run of one job for one date. Only `owner` runs it until `lease_until`. `claim`
-- counts the claims: it distinguishes a lost claim from a new claim by the same worker.
CREATE TABLE job_run (
  id uuid NOT NULL CONSTRAINT job_run_pkey PRIMARY KEY,
  name text NOT NULL,
  run_date text NOT NULL,
  status text NOT NULL,
  reference_id text COLLATE "C" NOT NULL CONSTRAINT job_run_reference_id_key UNIQUE,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  lease_until timestamptz,
  cursor text,
  started_by text NOT NULL,
  owner text NOT NULL,
  claim bigint NOT NULL DEFAULT 0,
  result json,
  CONSTRAINT job_run_name_run_date_key UNIQUE (name, run_date),
  CONSTRAINT job_run_run_date_is_a_date
    CHECK (length(run_date) = 10 AND substr(run_date, 5, 1) = '-' AND substr(run_date, 8, 1) = '-'),
  CONSTRAINT job_run_reference_id_length CHECK (octet_length(reference_id) BETWEEN 1 AND 255),
  CONSTRAINT job_run_status_known CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED')),
  CONSTRAINT job_run_finished_when_not_running CHECK ((status = 'RUNNING') = (finished_at IS NULL))
);
