-- Events of payment providers, and what is known about their customers and payments.
CREATE TABLE payment_event (
  id uuid NOT NULL CONSTRAINT payment_event_pkey PRIMARY KEY,
  provider text NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  status text NOT NULL,
  reason text COLLATE "C",
  detail text,
  waits_for text COLLATE "C",
  user_id text COLLATE "C",
  reference_ids json NOT NULL,
  body text NOT NULL,
  occurred_at timestamptz,
  received_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT payment_event_event_id_key UNIQUE (provider, event_id),
  CONSTRAINT payment_event_provider_known CHECK (provider IN ('creem', 'stripe')),
  CONSTRAINT payment_event_status_known
    CHECK (status IN ('APPLIED', 'IGNORED', 'RECEIVED', 'UNMAPPED')),
  CONSTRAINT payment_event_reason_of_status
    CHECK ((status IN ('IGNORED', 'UNMAPPED')) = (reason IS NOT NULL)),
  CONSTRAINT payment_event_event_id_length CHECK (octet_length(event_id) BETWEEN 1 AND 255),
  CONSTRAINT payment_event_kind_length CHECK (octet_length(kind) BETWEEN 1 AND 100),
  CONSTRAINT payment_event_reason_length CHECK (octet_length(reason) BETWEEN 1 AND 64),
  CONSTRAINT payment_event_detail_length CHECK (octet_length(detail) BETWEEN 1 AND 1024),
  CONSTRAINT payment_event_waits_for_length CHECK (octet_length(waits_for) BETWEEN 1 AND 300),
  CONSTRAINT payment_event_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT payment_event_body_length CHECK (octet_length(body) BETWEEN 1 AND 262144)
);
CREATE INDEX payment_event_open ON payment_event (provider, received_at, id)
  WHERE status IN ('RECEIVED', 'UNMAPPED');
CREATE INDEX payment_event_time ON payment_event (received_at, id);

CREATE TABLE payment_link (
  provider text NOT NULL,
  kind text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C",
  deposit text COLLATE "C",
  amount bigint,
  invoice text COLLATE "C",
  subscription_id text COLLATE "C",
  period_start timestamptz,
  period_end timestamptz,
  created_by text COLLATE "C",
  updated_at timestamptz NOT NULL,
  CONSTRAINT payment_link_pkey PRIMARY KEY (provider, kind, external_id),
  CONSTRAINT payment_link_provider_known CHECK (provider IN ('creem', 'stripe')),
  CONSTRAINT payment_link_kind_known
    CHECK (kind IN ('customer', 'invoice', 'payment', 'subscription')),
  CONSTRAINT payment_link_external_id_length CHECK (octet_length(external_id) BETWEEN 1 AND 255),
  CONSTRAINT payment_link_user_id_length CHECK (octet_length(user_id) BETWEEN 1 AND 200),
  CONSTRAINT payment_link_deposit_length CHECK (octet_length(deposit) BETWEEN 1 AND 255),
  CONSTRAINT payment_link_amount_in_range CHECK (amount BETWEEN 0 AND 1000000000000000),
  CONSTRAINT payment_link_invoice_length CHECK (octet_length(invoice) BETWEEN 1 AND 255),
  CONSTRAINT payment_link_subscription_id_length
    CHECK (octet_length(subscription_id) BETWEEN 1 AND 255),
  CONSTRAINT payment_link_period_of_subscription
    CHECK ((subscription_id IS NULL) = (period_start IS NULL)
       AND (subscription_id IS NULL) = (period_end IS NULL)),
  CONSTRAINT payment_link_period_end_after_start CHECK (period_end > period_start),
  CONSTRAINT payment_link_created_by_length CHECK (octet_length(created_by) BETWEEN 1 AND 200)
);

-- The links that an open event waits for. The event is the `id` of a `payment_event`.
CREATE TABLE payment_wait (
  event uuid NOT NULL,
  provider text NOT NULL,
  kind text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  CONSTRAINT payment_wait_pkey PRIMARY KEY (event, kind, external_id),
  CONSTRAINT payment_wait_provider_known CHECK (provider IN ('creem', 'stripe')),
  CONSTRAINT payment_wait_kind_known
    CHECK (kind IN ('customer', 'invoice', 'payment', 'subscription')),
  CONSTRAINT payment_wait_external_id_length CHECK (octet_length(external_id) BETWEEN 1 AND 255)
);
CREATE INDEX payment_wait_link ON payment_wait (provider, kind, external_id);

-- The audit log may record `scrip payments dismiss`, `link` and `replay`.
ALTER TABLE operator_action DROP CONSTRAINT operator_action_action_known;
ALTER TABLE operator_action ADD CONSTRAINT operator_action_action_known
  CHECK (action IN ('dead_drop', 'dead_replay', 'forgive', 'freeze', 'job_run',
                    'payment_dismiss', 'payment_link', 'payment_replay', 'publish', 'recover', 'reinstate', 'replay', 'revoke',
                    'token_create', 'token_revoke', 'topology_claim', 'unfreeze'));
