-- A revocation is reinstated once. The index comes first: readers continue while it is built.
CREATE UNIQUE INDEX credits_transaction_reinstated_key ON credits_transaction (related_id)
  WHERE type = 'reinstatement' AND status = 'COMPLETED' AND origin <> 'internal';

-- `debt_change` is the change of the wallet's debt, null if a transaction does not change it.
ALTER TABLE credits_transaction ADD COLUMN debt_change bigint;
ALTER TABLE credits_transaction DROP CONSTRAINT credits_transaction_keeps_rules;
ALTER TYPE credits_transaction_fields ADD ATTRIBUTE debt_change bigint;

-- The last line has commands that move no credits but may be refused. No account fits them.
ALTER DOMAIN credits_transaction_rules DROP CONSTRAINT credits_transaction_type_known;
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_type_known
  CHECK ((VALUE).type = ANY ('{
    consumption,purchase,bonus,monthly_grant,promotion,registration_bonus,expiration,refund,
    revocation,debt,repayment,forgiveness,reinstatement,
    hold,capture,release,freeze,unfreeze,subscription}'::text[]));
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_debt_change_in_range
  CHECK ((VALUE).debt_change BETWEEN -1000000000000000 AND 1000000000000000);
ALTER DOMAIN credits_transaction_rules DROP CONSTRAINT credits_transaction_sign_fits_type;
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_sign_fits_type CHECK (
  (VALUE).amount = 0
  OR ((VALUE).amount < 0)
     = ((VALUE).type = ANY ('{consumption,capture,expiration,revocation,repayment}'::text[])));
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_debt_change_fits_type
  CHECK (
    CASE (VALUE).type
      WHEN 'debt' THEN (VALUE).amount = 0 AND coalesce((VALUE).debt_change, 0) > 0
      WHEN 'repayment'
        THEN (VALUE).amount < 0 AND coalesce((VALUE).debt_change, 0) = (VALUE).amount
      WHEN 'forgiveness' THEN (VALUE).amount = 0
        AND ((VALUE).status = 'FAILED' OR coalesce((VALUE).debt_change, 0) < 0)
      WHEN 'reinstatement'
        THEN (VALUE).debt_change IS NULL OR ((VALUE).amount = 0 AND (VALUE).debt_change < 0)
      ELSE (VALUE).debt_change IS NULL END);
ALTER DOMAIN credits_transaction_rules DROP CONSTRAINT credits_transaction_failed_moves_nothing;
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_failed_moves_nothing
  CHECK (
    (VALUE).status <> 'FAILED'
    OR ((VALUE).amount = 0 AND (VALUE).debt_change IS NULL AND (VALUE).error_code IS NOT NULL));
ALTER DOMAIN credits_transaction_rules DROP CONSTRAINT credits_transaction_accounts_with_amount;
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_accounts_with_amount
  CHECK (
    ((VALUE).amount = 0 AND (VALUE).debt_change IS NULL) = ((VALUE).debit_account IS NULL)
    AND ((VALUE).amount = 0 AND (VALUE).debt_change IS NULL) = ((VALUE).credit_account IS NULL));
-- If the debt does not change, the result is NULL, which a check accepts.
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_debt_side_fits_change
  CHECK (
    CASE WHEN (VALUE).debt_change > 0 THEN (VALUE).debit_account
         WHEN (VALUE).debt_change < 0 THEN (VALUE).credit_account END = 'DEBT:' || (VALUE).user_id);
-- The wallet or its debt is on one side, and the account here is on the other one.
ALTER DOMAIN credits_transaction_rules DROP CONSTRAINT credits_transaction_other_account_fits_type;
ALTER DOMAIN credits_transaction_rules ADD CONSTRAINT credits_transaction_other_account_fits_type
  CHECK (
    ((VALUE).amount = 0 AND (VALUE).debt_change IS NULL)
    OR (VALUE).type || ' '
       || CASE WHEN (VALUE).amount < 0 OR (VALUE).debt_change > 0 THEN (VALUE).credit_account
               ELSE (VALUE).debit_account END
       LIKE ANY ('{
         consumption SERVICE:%,capture SERVICE:%,purchase PAYMENT:%,bonus SYSTEM:purchase-bonus,
         monthly_grant SYSTEM:subscription-grant,promotion SYSTEM:promotion,
         registration_bonus SYSTEM:registration-bonus,expiration SYSTEM:expiration,
         refund SERVICE:%,revocation SERVICE:%,revocation PAYMENT:%,revocation SYSTEM:%,
         debt PAYMENT:%,debt SYSTEM:%,repayment DEBT:%,forgiveness SYSTEM:debt-forgiveness,
         reinstatement PAYMENT:%,reinstatement SYSTEM:%}'::text[]));

ALTER TABLE credits_transaction ADD CONSTRAINT credits_transaction_keeps_rules CHECK (
  ROW(user_id, type, amount, debit_account, credit_account, origin, reference_id, fingerprint,
      status, error_code, balance_after, quantity, debt_change)
    ::credits_transaction_fields::credits_transaction_rules IS DISTINCT FROM NULL) NOT VALID;

-- What the open debts of a wallet sum up to.
ALTER TABLE credits_balance ADD COLUMN debt bigint NOT NULL DEFAULT 0;
ALTER TABLE credits_balance DROP CONSTRAINT credits_balance_keeps_rules;
ALTER TYPE credits_balance_fields ADD ATTRIBUTE debt bigint;
ALTER DOMAIN credits_balance_rules ADD CONSTRAINT credits_balance_debt_not_negative
  CHECK ((VALUE).debt >= 0);
ALTER TABLE credits_balance ADD CONSTRAINT credits_balance_keeps_rules CHECK (
  ROW(user_id, balance, held, total_earned, total_spent, transaction_count, version, status, debt)
    ::credits_balance_fields::credits_balance_rules IS DISTINCT FROM NULL) NOT VALID;

-- The transaction that brought the credits of a batch first, if a refund or a reinstatement added
-- the batch in place of another one. Null if it is `transaction_id`.
ALTER TABLE credits_batch ADD COLUMN deposit_id uuid;

-- From a deposit to the batches in place of its own.
CREATE INDEX credits_batch_deposit ON credits_batch (deposit_id) WHERE deposit_id IS NOT NULL;

-- What was revoked of a deposit, which is a transaction that brought credits. `taken` came from its
-- credits, `indebted` became debt; the rest of `revoked` had expired. `fraction` is the part of a
-- credit, in millionths, that rounding left out of `revoked`. A group adds what it revoked, so the
-- checks refuse revocations that together exceed the deposit, also if two writers race.
CREATE TABLE credits_revocation (
  transaction_id uuid NOT NULL CONSTRAINT credits_revocation_pkey PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  issued bigint NOT NULL,
  revoked bigint NOT NULL,
  fraction bigint NOT NULL,
  taken bigint NOT NULL,
  indebted bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT credits_revocation_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_revocation_issued_in_range CHECK (issued BETWEEN 1 AND 1000000000000000),
  CONSTRAINT credits_revocation_within_issued CHECK (revoked BETWEEN 0 AND issued),
  CONSTRAINT credits_revocation_fraction_below_one CHECK (fraction BETWEEN 0 AND 999999),
  CONSTRAINT credits_revocation_parts_within_revoked
    CHECK (taken >= 0 AND indebted >= 0 AND taken + indebted <= revoked)
);

-- For verification by ranges of users.
CREATE INDEX credits_revocation_user ON credits_revocation (user_id);

-- The credits of a deposit that a revocation could not take, because they had been spent or were
-- held. The id is the one of the transaction of type `debt`. What is neither repaid nor forgiven
-- nor cancelled is open.
CREATE TABLE credits_debt (
  id uuid NOT NULL CONSTRAINT credits_debt_pkey PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  revocation_id uuid NOT NULL,
  deposit_id uuid NOT NULL,
  amount bigint NOT NULL,
  repaid bigint NOT NULL DEFAULT 0,
  forgiven bigint NOT NULL DEFAULT 0,
  cancelled bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT credits_debt_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_debt_amount_in_range CHECK (amount BETWEEN 1 AND 1000000000000000),
  CONSTRAINT credits_debt_parts_not_negative CHECK (LEAST(repaid, forgiven, cancelled) >= 0),
  CONSTRAINT credits_debt_settled_within_amount CHECK (repaid + forgiven + cancelled <= amount)
);

-- The open debts of a user, oldest first.
CREATE INDEX credits_debt_open ON credits_debt (user_id, id)
  WHERE repaid + forgiven + cancelled < amount;

-- The debts that a revocation left.
CREATE INDEX credits_debt_revocation ON credits_debt (revocation_id);

-- For verification by ranges of users.
CREATE INDEX credits_debt_user ON credits_debt (user_id);

-- The audit log may record `scrip publish revoke`, `reinstate` and `forgive`.
ALTER TABLE operator_action DROP CONSTRAINT operator_action_action_known;
ALTER TABLE operator_action ADD CONSTRAINT operator_action_action_known
  CHECK (action IN ('dead_drop', 'dead_replay', 'forgive', 'freeze', 'job_run', 'publish', 'recover',
                    'reinstate', 'replay', 'revoke', 'topology_claim', 'unfreeze'));
