//! Errors of the AMQP transport.

use std::time::Duration;

use producer_sdk::amqp::ConnectError;
use uuid::Uuid;

/// Reply code: a wrong user or password, or no right.
const ACCESS_REFUSED: u16 = 403;
/// Reply code: no such virtual host, or no access to it.
const NOT_ALLOWED: u16 = 530;

/// An error of the AMQP transport.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// The URL is not an AMQP URL.
    #[error(
        "the broker's URL cannot be used: {0}; allowed is amqp://user:password@host:port/vhost"
    )]
    Url(String),
    /// The connection was not opened in time.
    #[error("no connection to the broker within {0:?}")]
    Timeout(Duration),
    /// The broker received a request and did not answer it.
    #[error("the broker does not answer: {doing} took longer than {within:?}")]
    NoAnswer {
        /// The attempted action.
        doing: &'static str,
        /// The time limit.
        within: Duration,
    },
    /// The URL demands TLS, but the peer does not speak it.
    #[error("the broker does not speak TLS on this port, as amqps:// demands")]
    NotTls,
    /// The namespace belongs to another ledger.
    #[error(transparent)]
    OtherLedger(#[from] OtherLedger),
    /// The broker user may not declare the queue that holds the ledger id.
    #[error(
        "the broker user may not declare `{queue}`, which holds the ledger id of the namespace: \
         grant it the permissions that `scrip topology permissions` lists for a worker"
    )]
    LedgerQueueForbidden {
        queue: String,
        /// The answer of the broker.
        #[source]
        source: Box<AmqpError>,
    },
    /// The namespace cannot be claimed for another ledger while a worker serves it.
    #[error("`{queue}` has {consumers} subscribers: stop all workers of this namespace first")]
    StillServed {
        /// One of the served queues.
        queue: String,
        /// The number of its consumers.
        consumers: u32,
    },
    /// The broker or the connection to it failed.
    #[error("the broker cannot be used: {doing}")]
    Broker {
        /// The attempted action.
        doing: &'static str,
        /// The cause.
        #[source]
        source: lapin::Error,
    },
    /// The stream of deliveries ended unexpectedly: the broker cancelled the subscription.
    #[error("the broker ended the subscription")]
    Ended,
    /// The name of the worker does not fit into a consumer tag.
    #[error("the worker's name is {0:?}; allowed are at most 200 bytes")]
    Worker(String),
    /// The broker did not accept a message that must not be lost.
    #[error("the broker did not accept a message for `{exchange}`: {why}")]
    NotAccepted {
        /// The destination of the message.
        exchange: String,
        /// The answer of the broker.
        why: String,
    },
}

/// The namespace belongs to another ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the namespace `{namespace}` on this broker belongs to the ledger {on_broker}, the database \
     has the ledger {in_database}: set DATABASE_URL to the database of that ledger, choose another \
     namespace (SCRIP_NAMESPACE), or, if this database is to take the namespace over, stop all \
     workers and run `scrip topology claim --yes`"
)]
pub struct OtherLedger {
    pub namespace: String,
    /// The ledger id in the database.
    pub in_database: Uuid,
    /// The ledger id on the broker. It ends with `…` if the broker's answer was cut.
    pub on_broker: String,
}

impl AmqpError {
    /// For `map_err`: adds the attempted action.
    pub(super) fn doing(doing: &'static str) -> impl FnOnce(lapin::Error) -> Self {
        move |source| Self::Broker { doing, source }
    }

    /// Whether the error closed a channel and not the connection.
    pub(super) fn is_soft(&self) -> bool {
        matches!(self, Self::Broker { source, .. } if source.is_amqp_soft_error())
    }

    /// Whether connecting again would fail in the same way: the broker refused user, password or virtual host.
    pub fn is_permanent(&self) -> bool {
        matches!(self.code(), Some(ACCESS_REFUSED | NOT_ALLOWED))
            || matches!(self, Self::Url(_) | Self::NotTls)
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

impl From<ConnectError> for AmqpError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NotTls => Self::NotTls,
            ConnectError::Timeout(limit) => Self::Timeout(limit),
            ConnectError::Broker(source) => Self::doing("connecting")(source),
        }
    }
}
