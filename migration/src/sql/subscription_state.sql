-- Subscriptions of users: the summary of the events and grants in `credits_transaction`.
CREATE TABLE subscription (
  {key id} NOT NULL CONSTRAINT subscription_pkey PRIMARY KEY,
  {key user_id} NOT NULL,
  {text plan} NOT NULL,
  {text status} NOT NULL,
  {instant anchor} NOT NULL,
  {instant activated_at},
  {instant ended_at},
  {instant paid_through},
  {instant next_period_start},
  {instant due_at},
  {instant status_at} NOT NULL,
  {instant created_at} NOT NULL,
  {instant updated_at} NOT NULL,
  {instant status_since},
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
) {plain};
