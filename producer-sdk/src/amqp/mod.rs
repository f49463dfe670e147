//! Over RabbitMQ.
//!
//! The client library's own recovery is not used: whatever breaks, connection and channel are built anew and what
//! is not confirmed is sent again. Publishing and receiving have a connection each, because a broker under memory
//! pressure stops reading from connections that publish.

mod client;
mod connection;
mod engine;
mod frame_filter;
mod outgoing;
mod producer;
mod publisher;
mod replies;
mod session;
mod uri;

pub(crate) use client::AmqpClient;
pub use frame_filter::{connect, unreadable};
pub(crate) use producer::AmqpProducer;
pub use uri::parse_amqp_url;
