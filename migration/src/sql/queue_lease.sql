-- The worker that serves a lane of the embedded queue, and the end of its lease.
CREATE TABLE queue_lease (
  {text lane} NOT NULL CONSTRAINT queue_lease_pkey PRIMARY KEY,
  {text owner} NOT NULL,
  {instant until} NOT NULL
) {plain};
