-- Subscriptions of users: the summary of the events and grants in `credits_transaction`.
-- A repeated event moves `status_at`, but not `status_since`, the start of the status.
-- `next_period_start` is the same as `due_at`, for workers of an earlier version.
CREATE TABLE subscription (
  id TEXT NOT NULL CONSTRAINT subscription_pkey PRIMARY KEY,
  user_id TEXT NOT NULL,
  plan TEXT NOT NULL,
  status TEXT NOT NULL,
  anchor TEXT NOT NULL
    CONSTRAINT subscription_anchor_is_an_instant
    CHECK (anchor GLOB '????-??-??T??:??:??.??????+00:00'),
  activated_at TEXT
    CONSTRAINT subscription_activated_at_is_an_instant
    CHECK (activated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  ended_at TEXT
    CONSTRAINT subscription_ended_at_is_an_instant
    CHECK (ended_at GLOB '????-??-??T??:??:??.??????+00:00'),
  paid_through TEXT
    CONSTRAINT subscription_paid_through_is_an_instant
    CHECK (paid_through GLOB '????-??-??T??:??:??.??????+00:00'),
  next_period_start TEXT
    CONSTRAINT subscription_next_period_start_is_an_instant
    CHECK (next_period_start GLOB '????-??-??T??:??:??.??????+00:00'),
  due_at TEXT
    CONSTRAINT subscription_due_at_is_an_instant
    CHECK (due_at GLOB '????-??-??T??:??:??.??????+00:00'),
  status_at TEXT NOT NULL
    CONSTRAINT subscription_status_at_is_an_instant
    CHECK (status_at GLOB '????-??-??T??:??:??.??????+00:00'),
  status_since TEXT
    CONSTRAINT subscription_status_since_is_an_instant
    CHECK (status_since GLOB '????-??-??T??:??:??.??????+00:00'),
  created_at TEXT NOT NULL
    CONSTRAINT subscription_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  updated_at TEXT NOT NULL
    CONSTRAINT subscription_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
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
) STRICT;

CREATE INDEX subscription_user ON subscription (user_id);

-- Subscriptions with a period to grant.
CREATE INDEX subscription_due ON subscription (due_at, id) WHERE due_at IS NOT NULL;
