//! Errors of the AMQP transport.

use std::time::Duration;

use producer_sdk::amqp::{AddressError, ConnectError};
use uuid::Uuid;

/// Reply code: a wrong user or password, or no right.
const ACCESS_REFUSED: u16 = 403;
/// Reply code: a request made the broker fail. It closes the connection.
const INTERNAL_ERROR: u16 = 541;
/// Reply code: no such virtual host, no access to it, or too many connections.
const NOT_ALLOWED: u16 = 530;

/// An error of the AMQP transport.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// The URL is not an AMQP URL.
    #[error(
        "the broker's URL cannot be used: {0}; allowed is amqp://user:password@host:port/vhost, or \
         several of them, separated by commas"
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
    /// None of several addresses can be used.
    #[error("{text}")]
    NoAddress {
        /// Each address with its cause.
        text: String,
        causes: Vec<AmqpError>,
    },
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

    /// Whether the broker failed at a request and closed the connection.
    pub(super) fn is_internal(&self) -> bool {
        self.code() == Some(INTERNAL_ERROR)
    }

    /// Whether the error concerns one queue: its node is down, or it has no leader. Other queues
    /// may be usable over the same connection.
    pub(super) fn is_unavailable(&self) -> bool {
        self.is_soft() || matches!(self, Self::NoAnswer { .. })
    }

    /// Whether connecting again would fail in the same way: the broker refused user, password or
    /// virtual host. A limit of connections is not permanent.
    pub fn is_permanent(&self) -> bool {
        if let Self::NoAddress { causes, .. } = self {
            // Addresses that do not answer say nothing about the account.
            let mut answers = causes.iter().filter(|cause| cause.is_answer()).peekable();
            return answers.peek().is_some() && answers.all(Self::is_permanent);
        }
        let is_refused = matches!(self.code(), Some(ACCESS_REFUSED | NOT_ALLOWED))
            && self.limit_remedy().is_none();
        is_refused || matches!(self, Self::Url(_) | Self::NotTls)
    }

    /// Whether a server answered at the address.
    fn is_answer(&self) -> bool {
        self.code().is_some() || matches!(self, Self::NotTls)
    }

    /// How to raise the limit of connections that the broker says is reached; `None` for any other
    /// error.
    pub fn limit_remedy(&self) -> Option<&'static str> {
        if let Self::NoAddress { causes, .. } = self {
            return causes.iter().find_map(Self::limit_remedy);
        }
        self.reply()
            .and_then(|(code, text)| limit_remedy(code, text))
    }

    /// The broker's reply code, if it sent one.
    pub(super) fn code(&self) -> Option<u16> {
        self.reply().map(|(code, _)| code)
    }

    /// The code and the text with which the broker closed the connection or the channel.
    fn reply(&self) -> Option<(u16, &str)> {
        let Self::Broker { source, .. } = self else {
            return None;
        };
        match source.kind() {
            lapin::ErrorKind::ProtocolError(error) => {
                Some((error.get_id(), error.get_message().as_str()))
            }
            _ => None,
        }
    }
}

impl From<ConnectError> for AmqpError {
    fn from(error: ConnectError) -> Self {
        let text = error.to_string();
        match error {
            ConnectError::NotTls => Self::NotTls,
            ConnectError::Timeout(limit) => Self::Timeout(limit),
            ConnectError::Broker(source) => Self::doing("connecting")(source),
            ConnectError::NoAddress(errors) => {
                let causes = errors
                    .into_iter()
                    .map(|AddressError { error, .. }| error.into());
                Self::NoAddress {
                    text,
                    causes: causes.collect(),
                }
            }
        }
    }
}

/// RabbitMQ uses one reply code for a missing virtual host, for missing access, and for each limit
/// of connections: `… limit (100) is reached`.
fn limit_remedy(code: u16, text: &str) -> Option<&'static str> {
    if code != NOT_ALLOWED {
        return None;
    }
    let (limit, _) = text.strip_suffix(") is reached")?.rsplit_once(" limit (")?;
    Some(if limit.ends_with("user connection") {
        "close connections of this user, or raise its limit `max-connections` with \
         `rabbitmqctl set_user_limits`"
    } else if limit.ends_with("node connection") {
        "close connections to this node, or raise its limit `connection_max` in `rabbitmq.conf`"
    } else {
        "close connections to this virtual host, or raise its limit `max-connections` with \
         `rabbitmqctl set_vhost_limits`"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_refused_permanently_if_every_address_that_answers_refuses() {
        let refused = || answer(ACCESS_REFUSED, "ACCESS_REFUSED - Login was refused");
        let limited = || {
            answer(
                NOT_ALLOWED,
                "NOT_ALLOWED - node connection limit (5) is reached",
            )
        };
        let silent = || ConnectError::Timeout(Duration::from_secs(10));
        for (errors, is_permanent) in [
            (vec![refused(), refused()], true),
            (vec![silent(), refused()], true),
            (vec![ConnectError::NotTls, silent()], true),
            (vec![refused(), limited()], false),
            (vec![silent(), silent()], false),
        ] {
            let errors = errors.into_iter().map(|error| AddressError {
                address: "mq:5672".to_owned(),
                error,
            });
            let error = AmqpError::from(ConnectError::NoAddress(errors.collect()));
            assert_eq!(error.is_permanent(), is_permanent, "{error}");
        }
        let error = ConnectError::NoAddress(vec![AddressError {
            address: "mq:5672".to_owned(),
            error: limited(),
        }]);
        let remedy = AmqpError::from(error).limit_remedy().unwrap_or_default();
        assert!(remedy.contains("connection_max"), "{remedy}");
    }

    fn answer(code: u16, text: &str) -> ConnectError {
        let error = lapin::protocol::AMQPError::from_id(code, text.into()).unwrap();
        ConnectError::Broker(lapin::ErrorKind::ProtocolError(error).into())
    }

    #[test]
    fn a_reached_limit_of_connections_is_no_permanent_refusal() {
        for (text, limit) in [
            (
                "NOT_ALLOWED - access to vhost '/' refused for user 'worker': connection limit (0) \
                 is reached",
                "set_vhost_limits",
            ),
            (
                "NOT_ALLOWED - Connection refused for user 'worker': user connection limit (100) \
                 is reached",
                "set_user_limits",
            ),
            (
                "NOT_ALLOWED - connection refused: node connection limit (5) is reached",
                "connection_max",
            ),
        ] {
            let remedy = limit_remedy(NOT_ALLOWED, text).unwrap_or_default();
            assert!(remedy.contains(limit), "{text}: {remedy:?}");
            assert_eq!(limit_remedy(ACCESS_REFUSED, text), None, "{text}");
        }
        for text in [
            "NOT_ALLOWED - vhost no-such-vhost not found",
            "NOT_ALLOWED - vhost x limit (1) is reached not found",
            "NOT_ALLOWED - access to vhost '/' refused for user 'worker'",
            "NOT_ALLOWED - access to vhost '/' refused for user 'a limit (1) is reached'",
            "",
        ] {
            assert_eq!(limit_remedy(NOT_ALLOWED, text), None, "{text}");
        }
    }
}
