//! Names of the message headers that Scrip itself writes and reads.
//!
//! All but [`TRACEPARENT`] and [`REPLY`] are written by the worker, on messages in its delay and dead-letter queues. They are
//! believed only on deliveries that come from the internal exchange; an app may set them, to no effect.

/// Door that the message first came through: `usage`, `funding` or `internal`; `none` if it was put into the queue past
/// the exchanges.
pub const ORIGIN: &str = "x-scrip-origin";
/// The verified account of the broker that the message came from. Absent where it named none.
pub const SENDER: &str = "x-scrip-sender";
/// How many times the message has been tried, as an integer. Counted by Scrip, never read from `x-death`.
pub const ATTEMPT: &str = "x-scrip-attempt";
/// Why the message was dead-lettered: a rejection code, `unapplied:{code}` or `poison`.
pub const REASON: &str = "x-scrip-reason";
/// The words that go with the reason: the field, what was found, what is allowed, or the database's error.
pub const ERROR: &str = "x-scrip-error";
/// The field to blame for a rejection, by its wire name.
pub const FIELD: &str = "x-scrip-field";
/// How long a body was in bytes that was larger than any message may be, as an integer; only its beginning is kept.
pub const BODY_LENGTH: &str = "x-scrip-body-length";
/// The SHA-256 of such a body, in hexadecimal.
pub const BODY_SHA256: &str = "x-scrip-body-sha256";
/// When the message was first seen by a worker, RFC 3339.
pub const FIRST_SEEN: &str = "x-scrip-first-seen";
/// When a worker dead-lettered the message, RFC 3339.
pub const LAST_SEEN: &str = "x-scrip-last-seen";
/// Exchange that the message first came by, also after a delay.
pub const EXCHANGE: &str = "x-scrip-exchange";
/// Routing key of the delivery that was dead-lettered.
pub const ROUTING_KEY: &str = "x-scrip-routing-key";
/// On every reply of a worker, by which it recognises a reply that comes back. Anybody may set it: a rejected usage message
/// that has it is not kept as a dead letter.
pub const REPLY: &str = "x-scrip-reply";
/// W3C trace context of the caller.
pub const TRACEPARENT: &str = "traceparent";
/// Why the properties of a message could not be read. Written by whoever receives the message, in place of all its
/// properties; an app that sets it has its own message taken for such a one.
pub const UNREADABLE: &str = "x-scrip-unreadable";
