-- Credits that are reserved for a service. The id is the one of the hold's transaction. An open
-- hold reserves `amount - captured` until `expires_at`. A closed one reserves nothing.
CREATE TABLE credits_hold (
  id BLOB NOT NULL CONSTRAINT credits_hold_pkey PRIMARY KEY
    CONSTRAINT credits_hold_id_is_a_uuid CHECK (length(id) = 16),
  user_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  sender TEXT,
  reference_id TEXT NOT NULL,
  service TEXT NOT NULL,
  price_credits INTEGER,
  price_per INTEGER,
  amount INTEGER NOT NULL,
  captured INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL,
  expires_at TEXT NOT NULL
    CONSTRAINT credits_hold_expires_at_is_an_instant
    CHECK (expires_at GLOB '????-??-??T??:??:??.??????+00:00'),
  closed_at TEXT
    CONSTRAINT credits_hold_closed_at_is_an_instant
    CHECK (closed_at GLOB '????-??-??T??:??:??.??????+00:00'),
  created_at TEXT NOT NULL
    CONSTRAINT credits_hold_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00'),
  updated_at TEXT NOT NULL
    CONSTRAINT credits_hold_updated_at_is_an_instant
    CHECK (updated_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT credits_hold_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT credits_hold_origin_known CHECK (origin IN ('usage', 'funding')),
  CONSTRAINT credits_hold_price_complete CHECK (
    (price_credits IS NULL) = (price_per IS NULL)
    AND (price_credits IS NULL OR (price_credits >= 0 AND price_per >= 1))),
  CONSTRAINT credits_hold_amount_in_range CHECK (amount BETWEEN 0 AND 1000000000000000),
  CONSTRAINT credits_hold_captured_within_amount CHECK (captured BETWEEN 0 AND amount),
  CONSTRAINT credits_hold_status_known
    CHECK (status IN ('OPEN', 'CAPTURED', 'RELEASED', 'EXPIRED')),
  CONSTRAINT credits_hold_open_until_closed CHECK ((status = 'OPEN') = (closed_at IS NULL)),
  CONSTRAINT credits_hold_expired_at_its_expiry
    CHECK (status <> 'EXPIRED' OR closed_at >= expires_at)
) STRICT;

-- The open holds of a user.
CREATE INDEX credits_hold_open ON credits_hold (user_id, id) WHERE status = 'OPEN';

-- The holds of a user by the reference that captures and releases name.
CREATE INDEX credits_hold_reference ON credits_hold (user_id, reference_id);

-- Holds that are due to expire.
CREATE INDEX credits_hold_due ON credits_hold (expires_at, user_id) WHERE status = 'OPEN';

-- The part of a hold that one batch funds, in the order in which captures take it.
CREATE TABLE credits_hold_slice (
  hold_id BLOB NOT NULL
    CONSTRAINT credits_hold_slice_hold_id_is_a_uuid CHECK (length(hold_id) = 16),
  position INTEGER NOT NULL,
  batch_id BLOB NOT NULL
    CONSTRAINT credits_hold_slice_batch_id_is_a_uuid CHECK (length(batch_id) = 16),
  amount INTEGER NOT NULL,
  captured INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT credits_hold_slice_pkey PRIMARY KEY (hold_id, batch_id),
  CONSTRAINT credits_hold_slice_amount_in_range CHECK (amount BETWEEN 1 AND 1000000000000000),
  CONSTRAINT credits_hold_slice_captured_within_amount CHECK (captured BETWEEN 0 AND amount)
) STRICT;

-- The earliest expiry of the open holds of a wallet. A command sees by it without another look-up
-- that a hold has ended.
ALTER TABLE credits_balance ADD COLUMN holds_end_at TEXT
  CONSTRAINT credits_balance_holds_end_at_is_an_instant
  CHECK (holds_end_at GLOB '????-??-??T??:??:??.??????+00:00');
