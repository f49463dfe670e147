-- The message that a lane last took alone because it had been handed out often, and how often it took that one.
CREATE TABLE lane_trial (
  {text queue} NOT NULL CONSTRAINT lane_trial_pkey PRIMARY KEY,
  {text message} NOT NULL,
  {int tries} NOT NULL,
  {instant updated_at} NOT NULL,
  CONSTRAINT lane_trial_tries_positive CHECK (tries >= 1)
) {plain};
