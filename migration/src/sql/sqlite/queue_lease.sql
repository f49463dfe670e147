-- The worker that serves a lane of the embedded queue, and the end of its lease.
CREATE TABLE queue_lease (
  lane TEXT NOT NULL CONSTRAINT queue_lease_pkey PRIMARY KEY,
  owner TEXT NOT NULL,
  until TEXT NOT NULL
    CONSTRAINT queue_lease_until_is_an_instant CHECK (until GLOB '????-??-??T??:??:??.??????+00:00')
) STRICT;
