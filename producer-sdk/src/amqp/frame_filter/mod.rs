//! Keeps messages that the client library cannot parse from ending the connection.
//!
//! The library ends a connection at the first frame that it cannot parse, and every loss of a
//! connection counts towards the delivery limit of all messages that are unacknowledged on it. But
//! a broker passes on what an app publishes: short strings that are not UTF-8, field types that
//! the library does not know, and content headers that the broker itself lengthens beyond the
//! negotiated frame size (`x-death`, `x-delivery-count`, an expanded `reply_to`).
//!
//! So a filter sits between the socket and the library. It replaces such a content header by one
//! that carries the header [`UNREADABLE`](crate::contract::headers::UNREADABLE), the original's
//! `user_id` if that can be read, and nothing else.
//! In the methods that come with a message it replaces the bytes that are not UTF-8, and then the
//! content header that follows. All else passes unchanged, bodies uninspected.
//!
//! | file | what |
//! |---|---|
//! | `frame` | the layout of frames, and a cursor over their bytes |
//! | `content_header` | decides whether the library can parse a content header; makes the replacement |
//! | `user_id` | finds the sender in a content header that the library cannot parse |
//! | `oversized` | a content header that is larger than the filter holds |
//! | `method` | the methods with texts of others |
//! | `unreadable` | why a content header is replaced |
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

pub use connect::{connect, unreadable};

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
