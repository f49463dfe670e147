-- Subscriptions of users: the summary of the events and grants in `credits_transaction`.
-- A repeated event moves `status_at`, but not `status_since`, the start of the status.
-- `next_period_start` is the same as `due_at`, for workers of an earlier version.
CREATE TABLE subscription (
  id text COLLATE "C" NOT NULL CONSTRAINT subscription_pkey PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  plan text NOT NULL,
  status text NOT NULL,
  anchor timestamptz NOT NULL,
  activated_at timestamptz,
  ended_at timestamptz,
  paid_through timestamptz,
  next_period_start timestamptz,
  due_at timestamptz,
  status_at timestamptz NOT NULL,
  status_since timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  -- `free:` followed by a user id of up to 200 bytes.
  CONSTRAINT subscription_id_length CHECK (octet_length(id) BETWEEN 1 AND 205),
  CONSTRAINT subscription_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT subscription_plan_present CHECK (plan <> ''),
  CONSTRAINT subscription_status_known
    CHECK (status IN ('ACTIVE', 'TRIALING', 'PAST_DUE', 'PAUSED', 'CANCELED', 'EXPIRED')),
  CONSTRAINT subscription_over_when_it_says_so
    CHECK (status NOT IN ('PAUSED', 'CANCELED', 'EXPIRED') OR ended_at IS NOT NULL),
  CONSTRAINT subscription_due_at_next_period CHECK (due_at = next_period_start),
  CONSTRAINT subscription_due_while_it_runs CHECK (due_at < ended_at),
  CONSTRAINT subscription_since_before_latest_event CHECK (status_since <= status_at)
);

CREATE INDEX subscription_user ON subscription (user_id);

-- Subscriptions with a period to grant.
CREATE INDEX subscription_due ON subscription (due_at, id) WHERE due_at IS NOT NULL;
