-- The table of transactions, with the changes of debt. SQLite cannot change a check.
--
-- One double-entry posting, or one refusal (FAILED, amount 0).
-- `debt_change` is the change of the wallet's debt, null if it does not change.
-- `duplicate_of` marks a payment that was credited before, and takes it out of the index over
-- payments.
CREATE TABLE credits_transaction_new (
  id BLOB NOT NULL CONSTRAINT credits_transaction_pkey PRIMARY KEY
    CONSTRAINT credits_transaction_id_is_a_uuid CHECK (length(id) = 16),
  user_id TEXT NOT NULL,
  type TEXT NOT NULL,
  amount INTEGER NOT NULL,
  debit_account TEXT,
  credit_account TEXT,
  origin TEXT NOT NULL,
  sender TEXT,
  reference_id TEXT NOT NULL,
  fingerprint BLOB,
  status TEXT NOT NULL,
  error_code TEXT,
  balance_after INTEGER,
  service TEXT,
  quantity INTEGER,
  purchase_id TEXT,
  purchase_line TEXT,
  duplicate_of BLOB
    CONSTRAINT credits_transaction_duplicate_of_is_a_uuid CHECK (length(duplicate_of) = 16),
  subscription_id TEXT,
  period_start TEXT
    CONSTRAINT credits_transaction_period_start_is_an_instant
    CHECK (period_start GLOB '????-??-??T??:??:??.??????+00:00'),
  related_id BLOB
    CONSTRAINT credits_transaction_related_id_is_a_uuid CHECK (length(related_id) = 16),
  description TEXT,
  metadata TEXT CONSTRAINT credits_transaction_metadata_is_json CHECK (json_valid(metadata)),
  detail TEXT CONSTRAINT credits_transaction_detail_is_json CHECK (json_valid(detail)),
  occurred_at TEXT NOT NULL
    CONSTRAINT credits_transaction_occurred_at_is_an_instant
    CHECK (occurred_at GLOB '????-??-??T??:??:??.??????+00:00'),
  created_at TEXT NOT NULL
    CONSTRAINT credits_transaction_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  debt_change INTEGER,
  CONSTRAINT credits_transaction_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  -- A derived reference contains another reference or an id of up to 200 bytes.
  CONSTRAINT credits_transaction_reference_id_length CHECK (
    octet_length(reference_id) BETWEEN 1 AND CASE origin WHEN 'internal' THEN 255 ELSE 200 END),
  CONSTRAINT credits_transaction_sender_length CHECK (octet_length(sender) BETWEEN 1 AND 255),
  CONSTRAINT credits_transaction_origin_known CHECK (origin IN ('usage', 'funding', 'internal')),
  CONSTRAINT credits_transaction_fingerprint_length CHECK (octet_length(fingerprint) = 17),
  CONSTRAINT credits_transaction_fingerprint_present
    CHECK (fingerprint IS NOT NULL OR origin = 'internal'),
  CONSTRAINT credits_transaction_status_known CHECK (status IN ('COMPLETED', 'FAILED')),
  -- The last line has commands that move no credits but may be refused.
  CONSTRAINT credits_transaction_type_known CHECK (
    type IN ('purchase', 'consumption', 'capture', 'monthly_grant', 'registration_bonus',
             'expiration', 'bonus', 'promotion', 'refund', 'revocation', 'debt', 'repayment',
             'forgiveness', 'reinstatement')
    OR (amount = 0
        AND type IN ('hold', 'release', 'freeze', 'unfreeze', 'subscription'))),
  CONSTRAINT credits_transaction_amount_in_range
    CHECK (amount BETWEEN -1000000000000000 AND 1000000000000000),
  CONSTRAINT credits_transaction_debt_change_in_range
    CHECK (debt_change BETWEEN -1000000000000000 AND 1000000000000000),
  CONSTRAINT credits_transaction_sign_fits_type CHECK (
    CASE WHEN type IN ('consumption', 'capture', 'expiration', 'revocation', 'repayment')
         THEN amount <= 0
         ELSE amount >= 0 END),
  CONSTRAINT credits_transaction_debt_change_fits_type CHECK (
    CASE type WHEN 'debt' THEN amount = 0 AND coalesce(debt_change, 0) > 0
              WHEN 'repayment' THEN amount < 0 AND coalesce(debt_change, 0) = amount
              WHEN 'forgiveness'
                THEN amount = 0 AND (status = 'FAILED' OR coalesce(debt_change, 0) < 0)
              WHEN 'reinstatement'
                THEN debt_change IS NULL OR (amount = 0 AND debt_change < 0)
              ELSE debt_change IS NULL END),
  CONSTRAINT credits_transaction_failed_moves_nothing CHECK (
    status <> 'FAILED' OR (amount = 0 AND debt_change IS NULL AND error_code IS NOT NULL)),
  CONSTRAINT credits_transaction_completed_has_no_error
    CHECK (status <> 'COMPLETED' OR error_code IS NULL),
  CONSTRAINT credits_transaction_completed_has_balance
    CHECK (status <> 'COMPLETED' OR balance_after IS NOT NULL),
  CONSTRAINT credits_transaction_balance_after_not_negative CHECK (balance_after >= 0),
  CONSTRAINT credits_transaction_accounts_with_amount CHECK (
    (amount = 0 AND debt_change IS NULL) = (debit_account IS NULL)
    AND (amount = 0 AND debt_change IS NULL) = (credit_account IS NULL)),
  CONSTRAINT credits_transaction_wallet_side_fits_sign CHECK (
    CASE WHEN amount > 0 THEN credit_account = 'WALLET:' || user_id
         WHEN amount < 0 THEN debit_account = 'WALLET:' || user_id
         ELSE TRUE END),
  CONSTRAINT credits_transaction_debt_side_fits_change CHECK (
    CASE WHEN debt_change > 0 THEN debit_account = 'DEBT:' || user_id
         WHEN debt_change < 0 THEN credit_account = 'DEBT:' || user_id
         ELSE TRUE END),
  -- By the two constraints above one side is the wallet or its debt, so the account here is the
  -- other side. For a repayment they name both sides.
  CONSTRAINT credits_transaction_other_account_fits_type CHECK (
    (amount = 0 AND debt_change IS NULL) OR CASE type
      WHEN 'consumption'
        THEN 'SERVICE:' IN (substr(debit_account, 1, 8), substr(credit_account, 1, 8))
      WHEN 'capture'
        THEN 'SERVICE:' IN (substr(debit_account, 1, 8), substr(credit_account, 1, 8))
      WHEN 'refund'
        THEN 'SERVICE:' IN (substr(debit_account, 1, 8), substr(credit_account, 1, 8))
      WHEN 'purchase'
        THEN 'PAYMENT:' IN (substr(debit_account, 1, 8), substr(credit_account, 1, 8))
      WHEN 'bonus' THEN 'SYSTEM:purchase-bonus' IN (debit_account, credit_account)
      WHEN 'registration_bonus' THEN 'SYSTEM:registration-bonus' IN (debit_account, credit_account)
      WHEN 'monthly_grant' THEN 'SYSTEM:subscription-grant' IN (debit_account, credit_account)
      WHEN 'promotion' THEN 'SYSTEM:promotion' IN (debit_account, credit_account)
      WHEN 'expiration' THEN 'SYSTEM:expiration' IN (debit_account, credit_account)
      WHEN 'revocation' THEN substr(credit_account, 1, 8) IN ('SERVICE:', 'PAYMENT:')
        OR substr(credit_account, 1, 7) = 'SYSTEM:'
      WHEN 'debt' THEN substr(credit_account, 1, 8) = 'PAYMENT:'
        OR substr(credit_account, 1, 7) = 'SYSTEM:'
      WHEN 'repayment' THEN TRUE
      WHEN 'forgiveness' THEN debit_account = 'SYSTEM:debt-forgiveness'
      WHEN 'reinstatement' THEN substr(debit_account, 1, 8) = 'PAYMENT:'
        OR substr(debit_account, 1, 7) = 'SYSTEM:'
      ELSE FALSE END),
  CONSTRAINT credits_transaction_quantity_positive CHECK (quantity >= 1)
) STRICT;

INSERT INTO credits_transaction_new (id, user_id, type, amount, debit_account, credit_account, origin, sender, reference_id,
  fingerprint, status, error_code, balance_after, service, quantity, purchase_id, purchase_line,
  duplicate_of, subscription_id, period_start, related_id, description, metadata, detail,
  occurred_at, created_at)
SELECT id, user_id, type, amount, debit_account, credit_account, origin, sender, reference_id,
  fingerprint, status, error_code, balance_after, service, quantity, purchase_id, purchase_line,
  duplicate_of, subscription_id, period_start, related_id, description, metadata, detail,
  occurred_at, created_at
FROM credits_transaction
ORDER BY rowid;

DROP TABLE credits_transaction;

ALTER TABLE credits_transaction_new RENAME TO credits_transaction;
