-- One run of one job for one date. Only `owner` runs it until `lease_until`. `claim`
-- counts the claims: it distinguishes a lost claim from a new claim by the same worker.
CREATE TABLE job_run (
  id BLOB NOT NULL CONSTRAINT job_run_pkey PRIMARY KEY
    CONSTRAINT job_run_id_is_a_uuid CHECK (length(id) = 16),
  name TEXT NOT NULL,
  run_date TEXT NOT NULL,
  status TEXT NOT NULL,
  reference_id TEXT NOT NULL CONSTRAINT job_run_reference_id_key UNIQUE,
  started_at TEXT NOT NULL
    CONSTRAINT job_run_started_at_is_an_instant
    CHECK (started_at GLOB '????-??-??T??:??:??.??????+00:00'),
  finished_at TEXT
    CONSTRAINT job_run_finished_at_is_an_instant
    CHECK (finished_at GLOB '????-??-??T??:??:??.??????+00:00'),
  lease_until TEXT
    CONSTRAINT job_run_lease_until_is_an_instant
    CHECK (lease_until GLOB '????-??-??T??:??:??.??????+00:00'),
  cursor TEXT,
  started_by TEXT NOT NULL,
  owner TEXT NOT NULL,
  claim INTEGER NOT NULL DEFAULT 0,
  result TEXT CONSTRAINT job_run_result_is_json CHECK (json_valid(result)),
  CONSTRAINT job_run_name_run_date_key UNIQUE (name, run_date),
  CONSTRAINT job_run_run_date_is_a_date
    CHECK (length(run_date) = 10 AND substr(run_date, 5, 1) = '-' AND substr(run_date, 8, 1) = '-'),
  CONSTRAINT job_run_reference_id_length CHECK (octet_length(reference_id) BETWEEN 1 AND 255),
  CONSTRAINT job_run_status_known CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED')),
  CONSTRAINT job_run_finished_when_not_running CHECK ((status = 'RUNNING') = (finished_at IS NULL))
) STRICT;
