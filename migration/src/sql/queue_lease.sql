-- Who serves a lane of the embedded queue, and until when.
CREATE TABLE queue_lease (
  {text lane} NOT NULL CONSTRAINT queue_lease_pkey PRIMARY KEY,
  {text owner} NOT NULL,
  {instant until} NOT NULL
) {plain};
