-- One run of one job for one date. Only `owner` runs it until `lease_until`.
CREATE TABLE job_run (
  {uuid id} NOT NULL CONSTRAINT job_run_pkey PRIMARY KEY,
  {text name} NOT NULL,
  {text run_date} NOT NULL,
  {text status} NOT NULL,
  {key reference_id} NOT NULL CONSTRAINT job_run_reference_id_key UNIQUE,
  {instant started_at} NOT NULL,
  {instant finished_at},
  {instant lease_until},
  {text cursor},
  {text started_by} NOT NULL,
  {text owner} NOT NULL,
  {json result},
  CONSTRAINT job_run_name_run_date_key UNIQUE (name, run_date),
  CONSTRAINT job_run_run_date_is_a_date
    CHECK (length(run_date) = 10 AND substr(run_date, 5, 1) = '-' AND substr(run_date, 8, 1) = '-'),
  CONSTRAINT job_run_reference_id_length CHECK (octet_length(reference_id) BETWEEN 1 AND 255),
  CONSTRAINT job_run_status_known CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED')),
  CONSTRAINT job_run_finished_when_not_running CHECK ((status = 'RUNNING') = (finished_at IS NULL))
) {plain};
