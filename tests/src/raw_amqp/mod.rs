//! As much AMQP as it takes to publish what no library would, and to be a broker that does what none can be made to do.

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
