//! The transport over RabbitMQ.
//!
//! The recovery of the client library is not used. After any error the SDK opens a new connection
//! and channel and publishes unconfirmed messages again.
//!
//! Publishing and receiving use separate connections, because a broker under memory pressure stops
//! reading from connections that publish.
//!
//! The module is public only for the worker, which uses the same connections and confirms. It is
//! not part of the API for apps.
//!
//! | Module | Content |
//! |---|---|
//! | `addresses` | connects to one of several addresses |
//! | `arguments` | arguments of exchanges and queues in the types of the client library |
//! | `connection` | opens connections and channels, and closes connections |
//! | `publisher` | the handle for publishing: a window and a channel to the engine |
//! | `engine` | the task that publishes messages and tracks their confirms |
//! | `holds` | pauses for routing keys whose queue is full |
//! | `renewals` | when another channel is opened although this one is open |
//! | `session` | a connection of the engine with its channel |
//! | `confirm_channel` | one channel in confirm mode |
//! | `ledger` | checks that a namespace belongs to the ledger of a worker |
//! | `outgoing` | a message in the types of the client library |
//! | `producer` | the AMQP side of [`Producer`](crate::Producer) |
//! | `client` | the AMQP side of [`Client`](crate::Client) |
//! | `replies` | the reply queue of a client |
//! | `frame_filter` | protects the client library from messages that it cannot parse |
//! | `uri` | parses AMQP URLs |

mod addresses;
mod arguments;
mod client;
mod confirm_channel;
mod connection;
mod engine;
mod frame_filter;
mod holds;
mod ledger;
mod outgoing;
mod producer;
mod publisher;
mod renewals;
mod replies;
mod session;
mod uri;

pub use arguments::arguments;
pub(crate) use client::AmqpClient;
pub use confirm_channel::{ConfirmChannel, PublishResult};
pub use connection::{AddressError, ConnectError, Endpoint, close, open_channel};
pub use frame_filter::unreadable;
pub use outgoing::Outgoing;
pub(crate) use producer::AmqpProducer;
pub use uri::parse_amqp_urls;

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod test_peer;
