//! A minimal AMQP implementation. As a client it publishes messages that no library would publish.
//! As a broker it behaves in ways that a real broker cannot be made to behave.

mod client;
mod hostile;
mod peer;
mod properties;
mod unanswered;
mod wire;

pub use client::RawClient;
pub use hostile::{Hostile, direct_reply_overflow, frame_filled, hostile_properties, nested};
pub use peer::{Peer, Published};
pub use properties::RawProperties;
pub use unanswered::Unanswered;
