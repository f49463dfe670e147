//! The limits of messages and their values.

/// The maximum size of a body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// The maximum number of fields in a body. No message has as many. The limit protects the worker
/// from bodies with thousands of fields.
pub const MAX_FIELDS: usize = 64;
/// The maximum number of values in `metadata`, counting all its objects and arrays.
pub const MAX_METADATA_VALUES: usize = 256;
/// The maximum size of `metadata`, in bytes of JSON as sent.
pub const MAX_METADATA_BYTES: usize = 4 * 1024;
/// The maximum nesting of objects and arrays. The body itself is level 1.
pub const MAX_NESTING: usize = 32;
/// The maximum length of an id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 200;
/// The maximum length of `description`, in bytes of UTF-8.
pub const MAX_DESCRIPTION_BYTES: usize = 1024;
/// The maximum number of credits, and the maximum quantity, in one command.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;
/// The maximum quantity of a package or a plan.
pub const MAX_UNITS: i64 = 1_000_000;
/// The maximum validity of a batch, in days.
pub const MAX_VALIDITY_DAYS: i64 = 36_500;
/// The maximum duration of a hold that a command may name, in seconds: 30 days. The worker's
/// configuration sets a lower limit.
pub const MAX_HOLD_SECONDS: i64 = 2_592_000;
