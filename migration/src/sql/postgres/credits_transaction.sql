-- One double-entry posting, or one refusal (FAILED, amount 0).
-- `duplicate_of` marks a payment that was credited before, and takes it out of the index over
-- payments.
CREATE TYPE credits_transaction_fields AS (
  user_id text,
  type text,
  amount bigint,
  debit_account text,
  credit_account text,
  origin text,
  reference_id text,
  fingerprint bytea,
  status text,
  error_code text,
  balance_after bigint,
  quantity bigint
);

CREATE DOMAIN credits_transaction_rules AS credits_transaction_fields
  CONSTRAINT credits_transaction_user_id_length
    CHECK (octet_length((VALUE).user_id) BETWEEN 1 AND 200)
  -- A derived reference contains another reference or an id of up to 200 bytes.
  CONSTRAINT credits_transaction_reference_id_length CHECK (
    octet_length((VALUE).reference_id)
      BETWEEN 1 AND CASE (VALUE).origin WHEN 'internal' THEN 255 ELSE 200 END)
  CONSTRAINT credits_transaction_origin_known
    CHECK ((VALUE).origin = ANY ('{usage,funding,internal}'::text[]))
  CONSTRAINT credits_transaction_fingerprint_length CHECK (octet_length((VALUE).fingerprint) = 17)
  CONSTRAINT credits_transaction_fingerprint_present
    CHECK ((VALUE).fingerprint IS NOT NULL OR (VALUE).origin = 'internal')
  CONSTRAINT credits_transaction_status_known
    CHECK ((VALUE).status = ANY ('{COMPLETED,FAILED}'::text[]))
  -- The last line has commands that move no credits but may be refused. No account fits them.
  CONSTRAINT credits_transaction_type_known CHECK ((VALUE).type = ANY ('{
    consumption,purchase,bonus,monthly_grant,promotion,registration_bonus,expiration,refund,
    revocation,hold,capture,release,freeze,unfreeze,subscription}'::text[]))
  CONSTRAINT credits_transaction_amount_in_range
    CHECK ((VALUE).amount BETWEEN -1000000000000000 AND 1000000000000000)
  CONSTRAINT credits_transaction_sign_fits_type CHECK (
    (VALUE).amount = 0
    OR ((VALUE).amount < 0) = ((VALUE).type = ANY ('{consumption,expiration,revocation}'::text[])))
  CONSTRAINT credits_transaction_failed_moves_nothing CHECK (
    (VALUE).status <> 'FAILED' OR ((VALUE).amount = 0 AND (VALUE).error_code IS NOT NULL))
  CONSTRAINT credits_transaction_completed_has_no_error
    CHECK ((VALUE).status <> 'COMPLETED' OR (VALUE).error_code IS NULL)
  CONSTRAINT credits_transaction_completed_has_balance
    CHECK ((VALUE).status <> 'COMPLETED' OR (VALUE).balance_after IS NOT NULL)
  CONSTRAINT credits_transaction_balance_after_not_negative CHECK ((VALUE).balance_after >= 0)
  CONSTRAINT credits_transaction_accounts_with_amount CHECK (
    ((VALUE).amount = 0) = ((VALUE).debit_account IS NULL)
    AND ((VALUE).amount = 0) = ((VALUE).credit_account IS NULL))
  -- If no credits move, the result is NULL, which a check accepts.
  CONSTRAINT credits_transaction_wallet_side_fits_sign CHECK (
    CASE WHEN (VALUE).amount > 0 THEN (VALUE).credit_account
         WHEN (VALUE).amount < 0 THEN (VALUE).debit_account END = 'WALLET:' || (VALUE).user_id)
  CONSTRAINT credits_transaction_other_account_fits_type CHECK (
    (VALUE).amount = 0
    OR (VALUE).type || ' '
       || CASE WHEN (VALUE).amount < 0 THEN (VALUE).credit_account ELSE (VALUE).debit_account END
       LIKE ANY ('{
         consumption SERVICE:%,purchase PAYMENT:%,bonus SYSTEM:purchase-bonus,
         monthly_grant SYSTEM:subscription-grant,promotion SYSTEM:promotion,
         registration_bonus SYSTEM:registration-bonus,expiration SYSTEM:expiration,
         refund SERVICE:%,revocation SERVICE:%,revocation PAYMENT:%,revocation SYSTEM:%}'::text[]))
  CONSTRAINT credits_transaction_quantity_positive CHECK ((VALUE).quantity >= 1);

CREATE DOMAIN credits_transaction_sender AS text COLLATE "C"
  CONSTRAINT credits_transaction_sender_length CHECK (octet_length(VALUE) BETWEEN 1 AND 255);

CREATE TABLE credits_transaction (
  id uuid NOT NULL CONSTRAINT credits_transaction_pkey PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  type text NOT NULL,
  amount bigint NOT NULL,
  debit_account text COLLATE "C",
  credit_account text COLLATE "C",
  origin text NOT NULL,
  sender credits_transaction_sender,
  reference_id text COLLATE "C" NOT NULL,
  fingerprint bytea,
  status text NOT NULL,
  error_code text,
  balance_after bigint,
  service text,
  quantity bigint,
  purchase_id text COLLATE "C",
  purchase_line text COLLATE "C",
  duplicate_of uuid,
  subscription_id text COLLATE "C",
  period_start timestamptz,
  related_id uuid,
  description text,
  metadata json,
  detail json,
  occurred_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT credits_transaction_keeps_rules CHECK (
    ROW(user_id, type, amount, debit_account, credit_account, origin, reference_id, fingerprint,
        status, error_code, balance_after, quantity)
      ::credits_transaction_fields::credits_transaction_rules IS DISTINCT FROM NULL)
);

-- A reference is unique per origin. `senders.references` may add the sender to this key.
CREATE UNIQUE INDEX credits_transaction_reference_key
  ON credits_transaction (origin, reference_id);

-- A user gets one registration bonus.
CREATE UNIQUE INDEX credits_transaction_registration_key ON credits_transaction (user_id)
  WHERE type = 'registration_bonus' AND status = 'COMPLETED';

-- A period of a subscription is granted once.
CREATE UNIQUE INDEX credits_transaction_period_key
  ON credits_transaction (subscription_id, period_start)
  WHERE status = 'COMPLETED' AND subscription_id IS NOT NULL;

-- A payment, or one line of it, is credited once. A payment without lines has no `purchase_line`.
CREATE UNIQUE INDEX credits_transaction_payment_key
  ON credits_transaction (purchase_id, COALESCE(purchase_line, ''))
  WHERE type = 'purchase' AND status = 'COMPLETED' AND duplicate_of IS NULL;

-- A user's history, newest first.
CREATE INDEX credits_transaction_history
  ON credits_transaction (user_id, created_at DESC, id DESC);

-- Bonuses, refunds and revocations of a transaction.
CREATE INDEX credits_transaction_related ON credits_transaction (related_id)
  WHERE related_id IS NOT NULL;

-- The events and grants of a subscription.
CREATE INDEX credits_transaction_subscription ON credits_transaction (subscription_id, id)
  WHERE subscription_id IS NOT NULL;

-- For reports over the time of booking. Rows are inserted in chronological order, so a block range
-- index finds them and is cheap to maintain.
CREATE INDEX credits_transaction_booked ON credits_transaction USING brin (created_at)
  WITH (autosummarize = on);
