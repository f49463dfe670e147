-- One row per wallet. `balance` counts expired credits until the expiry job removes them.
CREATE TABLE credits_balance (
  {uuid id} NOT NULL CONSTRAINT credits_balance_pkey PRIMARY KEY,
  {key user_id} NOT NULL CONSTRAINT credits_balance_user_id_key UNIQUE,
  {bigint balance} NOT NULL DEFAULT 0,
  {bigint held} NOT NULL DEFAULT 0,
  {bigint total_earned} NOT NULL DEFAULT 0,
  {bigint total_spent} NOT NULL DEFAULT 0,
  {bigint transaction_count} NOT NULL DEFAULT 0,
  {text status} NOT NULL DEFAULT 'ACTIVE',
  {bigint version} NOT NULL DEFAULT 0,
  {instant created_at} NOT NULL,
  {instant updated_at} NOT NULL,
  CONSTRAINT credits_balance_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_balance_not_negative CHECK (balance >= 0),
  CONSTRAINT credits_balance_held_within_balance CHECK (held = 0 OR held BETWEEN 1 AND balance),
  CONSTRAINT credits_balance_totals_not_negative
    CHECK (total_earned >= 0 AND total_spent >= 0 AND transaction_count >= 0 AND version >= 0),
  CONSTRAINT credits_balance_status_known CHECK (status IN ('ACTIVE', 'FROZEN'))
) {hot};
