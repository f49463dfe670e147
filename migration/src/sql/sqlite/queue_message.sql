-- The durable queue of the embedded mode. It is read in the order of `id`.
CREATE TABLE queue_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  origin TEXT NOT NULL,
  body BLOB NOT NULL,
  message_id TEXT,
  reply_to TEXT,
  correlation_id TEXT,
  attempt INTEGER NOT NULL DEFAULT 0,
  not_before TEXT
    CONSTRAINT queue_message_not_before_is_an_instant
    CHECK (not_before GLOB '????-??-??T??:??:??.??????+00:00'),
  headers TEXT CONSTRAINT queue_message_headers_is_json CHECK (json_valid(headers)),
  enqueued_at TEXT NOT NULL
    CONSTRAINT queue_message_enqueued_at_is_an_instant
    CHECK (enqueued_at GLOB '????-??-??T??:??:??.??????+00:00'),
  CONSTRAINT queue_message_queue_known CHECK (queue IN ('commands', 'queries', 'dead')),
  CONSTRAINT queue_message_origin_known CHECK (origin IN ('usage', 'funding', 'internal')),
  CONSTRAINT queue_message_attempt_not_negative CHECK (attempt >= 0)
) STRICT;

CREATE INDEX queue_message_queue ON queue_message (queue, id);
