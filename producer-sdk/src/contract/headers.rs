//! Names of the message headers that Scrip writes and reads.
//!
//! The worker writes all of them but [`TRACEPARENT`] and [`REPLY`], on messages in its delay and
//! dead-letter queues. It trusts them only on deliveries from the internal exchange. An app may set
//! them, without effect.

/// The origin of the first delivery: `usage`, `funding` or `internal`. `none` if the message was
/// put into the queue without an exchange of Scrip.
pub const ORIGIN: &str = "x-scrip-origin";
/// The broker account that sent the message, as the broker verified it. Absent if the message names
/// no account.
pub const SENDER: &str = "x-scrip-sender";
/// The number of attempts to process the message, as an integer. Scrip counts it itself and never
/// reads `x-death`.
pub const ATTEMPT: &str = "x-scrip-attempt";
/// The reason for dead-lettering: a rejection code, `unapplied:{code}` or `poison`.
pub const REASON: &str = "x-scrip-reason";
/// The explanation of the reason: the field, what was found and what is allowed, or the error of
/// the database.
pub const ERROR: &str = "x-scrip-error";
/// The wire name of the field that caused a rejection.
pub const FIELD: &str = "x-scrip-field";
/// The original length in bytes of a body that exceeds the maximum, as an integer. Only its
/// beginning is stored.
pub const BODY_LENGTH: &str = "x-scrip-body-length";
/// The SHA-256 of such a body, in hexadecimal.
pub const BODY_SHA256: &str = "x-scrip-body-sha256";
/// The time at which a worker first received the message, in RFC 3339.
pub const FIRST_SEEN: &str = "x-scrip-first-seen";
/// The time at which a worker dead-lettered the message, in RFC 3339.
pub const LAST_SEEN: &str = "x-scrip-last-seen";
/// The exchange of the first delivery, also after a delay.
pub const EXCHANGE: &str = "x-scrip-exchange";
/// The routing key of the delivery that was dead-lettered.
pub const ROUTING_KEY: &str = "x-scrip-routing-key";
/// A mark on every reply of a worker. By this mark the worker recognises a reply that returns to
/// it. Any sender may set it. A rejected usage message with this header is not kept as a dead
/// letter.
pub const REPLY: &str = "x-scrip-reply";
/// The W3C trace context of the caller.
pub const TRACEPARENT: &str = "traceparent";
/// The reason why the properties of a message could not be read. The receiver of the message sets
/// it in place of all properties. If an app sets it, only its own message is treated as unreadable.
pub const UNREADABLE: &str = "x-scrip-unreadable";
