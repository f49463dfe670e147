//! The transport over RabbitMQ.
//!
//! The recovery of the client library is not used. After any error the SDK opens a new connection
//! and channel and publishes unconfirmed messages again.
//!
//! Publishing and receiving use separate connections, because a broker under memory pressure stops
//! reading from connections that publish.
//!
//! The module is public only for the worker, which uses the same connections and confirms. It is not part of the
//! API for apps.
//!
//! | Module | Content |
//! |---|---|
//! | `connection` | opens connections and channels, and closes connections |
//! | `publisher` | the handle for publishing: a window and a channel to the engine |
//! | `engine` | the task that publishes messages and tracks their confirms |
//! | `holds` | pauses for routing keys whose queue is full |
//! | `session` | a connection of the engine with its channel |
//! | `confirm_channel` | one channel in confirm mode |
//! | `outgoing` | a message in the types of the client library |
//! | `producer` | the AMQP side of [`Producer`](crate::Producer) |
//! | `client` | the AMQP side of [`Client`](crate::Client) |
//! | `replies` | the reply queue of a client |
//! | `frame_filter` | protects the client library from messages that it cannot parse |
//! | `uri` | parses AMQP URLs |

mod client;
mod confirm_channel;
mod connection;
mod engine;
mod frame_filter;
mod holds;
mod outgoing;
mod producer;
mod publisher;
mod replies;
mod session;
mod uri;

pub(crate) use client::AmqpClient;
pub use confirm_channel::{ConfirmChannel, PublishResult};
pub use connection::{ConnectError, Endpoint, close, open_channel};
pub use frame_filter::unreadable;
pub use outgoing::Outgoing;
pub(crate) use producer::AmqpProducer;
pub use uri::parse_amqp_url;

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod test_peer;
