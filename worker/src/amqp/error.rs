//! What can go wrong with the broker.

use std::time::Duration;

use super::OtherLedger;

/// What can go wrong with the broker.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// The URL is no AMQP URL.
    #[error("the broker's URL cannot be used: {0}; allowed is amqp://user:password@host:port/vhost")]
    Url(String),
    /// No connection in time.
    #[error("no connection to the broker within {0:?}")]
    Timeout(Duration),
    /// The broker took a request and did not answer it.
    #[error("the broker does not answer: {doing} took longer than {within:?}")]
    NoAnswer {
        /// What was being done.
        doing: &'static str,
        /// How long it was waited for.
        within: Duration,
    },
    /// TLS was asked for, and something else answered.
    #[error("the broker does not speak TLS on this port, as amqps:// demands")]
    NotTls,
    /// The namespace belongs to another ledger.
    #[error(transparent)]
    OtherLedger(#[from] OtherLedger),
    /// The broker's user may not declare the queue that carries the ledger's id.
    #[error(
        "the broker's user may not declare `{queue}`, which says to which ledger the namespace belongs: give it the permissions that `scrip topology permissions` lists for a worker"
    )]
    LedgerQueueForbidden {
        /// The queue.
        queue: String,
        /// What the broker said.
        #[source]
        source: Box<AmqpError>,
    },
    /// The namespace cannot be given to another ledger while a worker serves it.
    #[error("`{queue}` has {consumers} subscribers: stop all workers of this namespace first")]
    StillServed {
        /// One of the queues that are served.
        queue: String,
        /// How many serve it.
        consumers: u32,
    },
    /// The broker or the way to it.
    #[error("the broker cannot be used: {doing}")]
    Broker {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: lapin::Error,
    },
    /// The stream of deliveries ended without being asked to: the broker cancelled the subscription.
    #[error("the broker ended the subscription")]
    Ended,
    /// The worker's name does not fit into a subscription's tag.
    #[error("the worker's name is {0:?}; allowed are at most 200 bytes")]
    Worker(String),
    /// The broker did not take a message that has to be kept.
    #[error("the broker did not take a message for `{exchange}`: {why}")]
    NotTaken {
        /// Where it should have gone.
        exchange: String,
        /// What the broker said.
        why: String,
    },
}

impl AmqpError {
    /// For `map_err`: what was being done when the broker failed.
    pub(super) fn doing(doing: &'static str) -> impl FnOnce(lapin::Error) -> Self {
        move |source| {
            if speaks_no_tls(&source) {
                return Self::NotTls;
            }
            Self::Broker { doing, source }
        }
    }

    /// Whether it has cost a channel and not the connection.
    pub(super) fn is_soft(&self) -> bool {
        matches!(self, Self::Broker { source, .. } if source.is_amqp_soft_error())
    }

    /// The broker's reply code, if it sent one.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Broker { source, .. } => match source.kind() {
                lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
                _ => None,
            },
            _ => None,
        }
    }
}

fn speaks_no_tls(error: &lapin::Error) -> bool {
    let lapin::ErrorKind::IOError(error) = error.kind() else {
        return false;
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::InvalidMessage(_)))
}
