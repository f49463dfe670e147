//! Why a worker cannot start.

use producer_sdk::contract::TopologyError;

use crate::{
    cache::RedisUrlError,
    config::MissingUrl,
    db::StoreError,
    transport::{amqp::AmqpError, embedded::EmbeddedError},
};

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings give no URL.
    #[error(transparent)]
    Url(#[from] MissingUrl),
    /// The namespace or the number of shards is invalid.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The URL of Redis is invalid.
    #[error("cannot use redis.url")]
    Redis(#[from] RedisUrlError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The URL of the broker or the name of the worker is invalid.
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    /// The file cannot be opened to watch it.
    #[error("cannot serve the embedded queue")]
    Embedded(#[from] EmbeddedError),
}
