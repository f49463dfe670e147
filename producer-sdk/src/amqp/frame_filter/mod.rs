//! A filter that protects the connection from messages that the client library cannot parse.
//!
//! The library closes a connection at the first frame that it cannot parse. Every lost connection
//! counts towards the delivery limit of all its unacknowledged messages. But a broker forwards
//! anything that an app publishes: short strings that are not UTF-8, field types that the library
//! does not know, and content headers that the broker itself extends beyond the negotiated frame
//! size (`x-death`, `x-delivery-count`, an expanded `reply_to`).
//!
//! So a filter sits between the socket and the library:
//! - It replaces an unreadable content header by one that contains only the header
//!   [`UNREADABLE`](crate::contract::headers::UNREADABLE) and the original `user_id`, if that can
//!   be read.
//! - In the methods that precede a message it replaces bytes that are not UTF-8. Then it also
//!   replaces the content header that follows.
//! - All other bytes pass unchanged. Bodies are not inspected.
//!
//! | Module | Content |
//! |---|---|
//! | `frame` | the layout of frames, and a cursor over their bytes |
//! | `content_header` | checks whether the library can parse a content header, and replaces it |
//! | `user_id` | finds the sender in a content header that the library cannot parse |
//! | `oversized` | a content header that is larger than the filter buffers |
//! | `method` | the methods that contain texts of other parties |
//! | `unreadable` | the reasons for which a content header is replaced |
//! | `frame_limit` | the largest frame that the library accepts |
//! | `filter` | the state machine over a stream of bytes |
//! | `stream` | a socket with the filter in front of it |
//! | `connect` | connections of the library over such a socket |

mod connect;
mod content_header;
mod filter;
mod frame;
mod frame_limit;
mod method;
mod oversized;
mod stream;
mod unreadable;
mod user_id;

pub(super) use connect::connect;
pub use connect::unreadable;

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
