-- Crash counters: the message of a lane that was delivered often and processed alone, and the number of
-- consecutive attempts.
CREATE TABLE delivery_attempt (
  {text queue} NOT NULL CONSTRAINT delivery_attempt_pkey PRIMARY KEY,
  {text message} NOT NULL,
  {int tries} NOT NULL,
  {instant updated_at} NOT NULL,
  CONSTRAINT delivery_attempt_tries_positive CHECK (tries >= 1)
) {plain};
