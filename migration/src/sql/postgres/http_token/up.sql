-- Tokens of the HTTP API. A token's secret is not stored, only its SHA-256.
CREATE TABLE http_token (
  id uuid NOT NULL CONSTRAINT http_token_pkey PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  role text NOT NULL,
  secret_hash bytea NOT NULL,
  user_prefixes json,
  services json,
  rate integer,
  created_by text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT http_token_name_length CHECK (octet_length(name) BETWEEN 1 AND 200),
  CONSTRAINT http_token_role_known CHECK (role IN ('admin', 'app', 'bridge')),
  CONSTRAINT http_token_secret_hash_length CHECK (octet_length(secret_hash) = 32),
  CONSTRAINT http_token_rate_in_range CHECK (rate BETWEEN 1 AND 1000000),
  CONSTRAINT http_token_created_by_length CHECK (octet_length(created_by) BETWEEN 1 AND 200)
);

-- The audit log may record `scrip token create` and `scrip token revoke`.
ALTER TABLE operator_action DROP CONSTRAINT operator_action_action_known;
ALTER TABLE operator_action ADD CONSTRAINT operator_action_action_known
  CHECK (action IN ('dead_drop', 'dead_replay', 'forgive', 'freeze', 'job_run', 'publish',
                    'recover', 'reinstate', 'replay', 'revoke', 'token_create', 'token_revoke',
                    'topology_claim', 'unfreeze'));
