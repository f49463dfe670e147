-- Replies that wait to be fetched by their clients.
CREATE TABLE queue_reply (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  reply_to TEXT NOT NULL,
  correlation_id TEXT,
  body BLOB NOT NULL,
  created_at TEXT NOT NULL
    CONSTRAINT queue_reply_created_at_is_an_instant
    CHECK (created_at GLOB '????-??-??T??:??:??.??????+00:00')
) STRICT;

CREATE INDEX queue_reply_reply_to ON queue_reply (reply_to, id);
