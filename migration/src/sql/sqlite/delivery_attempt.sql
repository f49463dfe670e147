-- Crash counters: the message of a lane that was delivered often and processed alone, and the
-- number of consecutive attempts.
CREATE TABLE delivery_attempt (
  queue TEXT NOT NULL CONSTRAINT delivery_attempt_pkey PRIMARY KEY,
  message TEXT NOT NULL,
  tries INTEGER NOT NULL,
  updated_at TEXT NOT NULL
    CONSTRAINT delivery_attempt_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT delivery_attempt_tries_positive CHECK (tries >= 1)
) STRICT;
