-- Crash counters: the message of a lane that was delivered often and processed alone, and the
-- number of consecutive attempts.
CREATE TABLE delivery_attempt (
  queue text NOT NULL CONSTRAINT delivery_attempt_pkey PRIMARY KEY,
  message text NOT NULL,
  tries integer NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT delivery_attempt_tries_positive CHECK (tries >= 1)
);
