-- Replies that wait to be fetched by their clients.
CREATE TABLE queue_reply (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  {text reply_to} NOT NULL,
  {text correlation_id},
  {bytes body} NOT NULL,
  {instant created_at} NOT NULL
) {plain};

CREATE INDEX queue_reply_reply_to ON queue_reply (reply_to, id);
