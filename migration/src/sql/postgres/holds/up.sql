-- Credits that are reserved for a service. The id is the one of the hold's transaction. An open
-- hold reserves `amount - captured` until `expires_at`. A closed one reserves nothing.
CREATE TYPE credits_hold_fields AS (
  user_id text,
  origin text,
  price_credits bigint,
  price_per bigint,
  amount bigint,
  captured bigint,
  status text,
  expires_at timestamptz,
  closed_at timestamptz
);

CREATE DOMAIN credits_hold_rules AS credits_hold_fields
  CONSTRAINT credits_hold_user_id_length CHECK (octet_length((VALUE).user_id) BETWEEN 1 AND 200)
  CONSTRAINT credits_hold_origin_known CHECK ((VALUE).origin = ANY ('{usage,funding}'::text[]))
  CONSTRAINT credits_hold_price_complete CHECK (
    ((VALUE).price_credits IS NULL) = ((VALUE).price_per IS NULL)
    AND ((VALUE).price_credits IS NULL OR ((VALUE).price_credits >= 0 AND (VALUE).price_per >= 1)))
  CONSTRAINT credits_hold_amount_in_range CHECK ((VALUE).amount BETWEEN 0 AND 1000000000000000)
  CONSTRAINT credits_hold_captured_within_amount
    CHECK ((VALUE).captured BETWEEN 0 AND (VALUE).amount)
  CONSTRAINT credits_hold_status_known
    CHECK ((VALUE).status = ANY ('{OPEN,CAPTURED,RELEASED,EXPIRED}'::text[]))
  CONSTRAINT credits_hold_open_until_closed
    CHECK (((VALUE).status = 'OPEN') = ((VALUE).closed_at IS NULL))
  CONSTRAINT credits_hold_expired_at_its_expiry
    CHECK ((VALUE).status <> 'EXPIRED' OR (VALUE).closed_at >= (VALUE).expires_at);

CREATE TABLE credits_hold (
  id uuid NOT NULL CONSTRAINT credits_hold_pkey PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  origin text NOT NULL,
  sender text COLLATE "C",
  reference_id text COLLATE "C" NOT NULL,
  service text NOT NULL,
  price_credits bigint,
  price_per bigint,
  amount bigint NOT NULL,
  captured bigint NOT NULL DEFAULT 0,
  status text NOT NULL,
  expires_at timestamptz NOT NULL,
  closed_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT credits_hold_keeps_rules CHECK (
    ROW(user_id, origin, price_credits, price_per, amount, captured, status, expires_at, closed_at)
      ::credits_hold_fields::credits_hold_rules IS DISTINCT FROM NULL)
) WITH (fillfactor = 70);

-- The open holds of a user.
CREATE INDEX credits_hold_open ON credits_hold (user_id, id) WHERE status = 'OPEN';

-- The holds of a user by the reference that captures and releases name.
CREATE INDEX credits_hold_reference ON credits_hold (user_id, reference_id);

-- Holds that are due to expire.
CREATE INDEX credits_hold_due ON credits_hold (expires_at, user_id) WHERE status = 'OPEN';

-- The part of a hold that one batch funds, in the order in which captures take it.
CREATE TYPE credits_hold_slice_fields AS (amount bigint, captured bigint);

CREATE DOMAIN credits_hold_slice_rules AS credits_hold_slice_fields
  CONSTRAINT credits_hold_slice_amount_in_range
    CHECK ((VALUE).amount BETWEEN 1 AND 1000000000000000)
  CONSTRAINT credits_hold_slice_captured_within_amount
    CHECK ((VALUE).captured BETWEEN 0 AND (VALUE).amount);

CREATE TABLE credits_hold_slice (
  hold_id uuid NOT NULL,
  position integer NOT NULL,
  batch_id uuid NOT NULL,
  amount bigint NOT NULL,
  captured bigint NOT NULL DEFAULT 0,
  CONSTRAINT credits_hold_slice_pkey PRIMARY KEY (hold_id, batch_id),
  CONSTRAINT credits_hold_slice_keeps_rules CHECK (
    ROW(amount, captured)::credits_hold_slice_fields::credits_hold_slice_rules
      IS DISTINCT FROM NULL)
) WITH (fillfactor = 70);

-- The earliest expiry of the open holds of a wallet. A command sees by it without another look-up
-- that a hold has ended.
ALTER TABLE credits_balance ADD COLUMN holds_end_at timestamptz;

-- A capture moves credits like a consumption.
ALTER DOMAIN credits_transaction_rules DROP CONSTRAINT credits_transaction_sign_fits_type;
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_sign_fits_type CHECK (
  (VALUE).amount = 0
  OR ((VALUE).amount < 0)
     = ((VALUE).type = ANY ('{consumption,capture,expiration,revocation}'::text[])));
ALTER DOMAIN credits_transaction_rules DROP CONSTRAINT credits_transaction_other_account_fits_type;
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_other_account_fits_type
  CHECK (
    (VALUE).amount = 0
    OR (VALUE).type || ' '
       || CASE WHEN (VALUE).amount < 0 THEN (VALUE).credit_account ELSE (VALUE).debit_account END
       LIKE ANY ('{
         consumption SERVICE:%,capture SERVICE:%,purchase PAYMENT:%,bonus SYSTEM:purchase-bonus,
         monthly_grant SYSTEM:subscription-grant,promotion SYSTEM:promotion,
         registration_bonus SYSTEM:registration-bonus,expiration SYSTEM:expiration,
         refund SERVICE:%,revocation SERVICE:%,revocation PAYMENT:%,revocation SYSTEM:%}'::text[]));
