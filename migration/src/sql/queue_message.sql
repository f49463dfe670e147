-- The durable queue of the embedded mode. It is read in the order of `id`.
CREATE TABLE queue_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  {text queue} NOT NULL,
  {text origin} NOT NULL,
  {bytes body} NOT NULL,
  {text message_id},
  {text reply_to},
  {text correlation_id},
  {int attempt} NOT NULL DEFAULT 0,
  {instant not_before},
  {json headers},
  {instant enqueued_at} NOT NULL,
  CONSTRAINT queue_message_queue_known CHECK (queue IN ('commands', 'queries', 'dead')),
  CONSTRAINT queue_message_origin_known CHECK (origin IN ('usage', 'funding', 'internal')),
  CONSTRAINT queue_message_attempt_not_negative CHECK (attempt >= 0)
) {plain};

CREATE INDEX queue_message_queue ON queue_message (queue, id);
