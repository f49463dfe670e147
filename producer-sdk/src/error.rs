//! The errors of the SDK, and methods that classify them.

use std::error::Error as StdError;
use std::time::Duration;

use crate::contract::{AnswerError, Rejection, TopologyError, UnreadableReply};

/// A cause from another library.
pub(crate) type Cause = Box<dyn StdError + Send + Sync + 'static>;

/// The result type of the SDK.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the SDK.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not valid. The text never contains the URL's password.
    #[error("the URL cannot be used: {0}")]
    Url(String),
    /// The namespace is not valid.
    #[error("the namespace cannot be used")]
    Namespace(#[from] TopologyError),
    /// The first connection failed.
    #[error("cannot connect")]
    Connect(#[source] Cause),
    /// The message is not valid. Either the SDK found this before sending, or the worker rejected
    /// the message.
    #[error("the message is rejected: {0}")]
    Rejected(#[from] Rejection),
    /// A property of the message is longer than AMQP allows.
    #[error("the {0} is longer than 255 bytes")]
    PropertyTooLong(&'static str),
    /// The window stayed full for the time in [`WhenFull::Timeout`](crate::WhenFull::Timeout).
    /// Nothing was sent.
    #[error("the window was full for {0:?}, so nothing was sent")]
    WindowFull(Duration),
    /// The message was not confirmed in time. It may have arrived, so publish it again with the
    /// same reference.
    #[error("the message was not confirmed within {after:?}")]
    Unconfirmed {
        /// The time that the SDK waited.
        after: Duration,
        /// The last error that was seen, if any.
        #[source]
        last: Option<Cause>,
    },
    /// The broker has no queue for the message and returned it.
    #[error(
        "the broker returned the message as unroutable: exchange {exchange:?}, \
         routing key {routing_key:?} ({text})"
    )]
    Returned {
        /// The exchange to which the message was sent.
        exchange: String,
        /// The routing key of the message.
        routing_key: String,
        /// The broker's reason.
        text: String,
    },
    /// The broker refused the message. The exchange does not exist (start the worker, or run
    /// `scrip topology declare`), or the user has no permission to write to it.
    #[error("the broker refused the message for exchange {exchange:?}")]
    Refused {
        /// The exchange to which the message was sent.
        exchange: String,
        /// The broker's reason.
        #[source]
        cause: Cause,
    },
    /// No reply came in time. The command may still be applied: send it again with the same
    /// reference to get its outcome.
    #[error("no reply within {after:?}")]
    NoReply {
        /// The time that the SDK waited.
        after: Duration,
        /// Whether the message was confirmed. If so, it is safe in the queue, and a worker will
        /// process it; an unanswered query expires instead. Otherwise it may not have arrived.
        confirmed: bool,
    },
    /// The worker answered the query with an error.
    #[error("the query failed: {0}")]
    Answer(#[from] AnswerError),
    /// A reply came that this version of the SDK cannot read.
    #[error("received a reply that this version cannot read")]
    Unreadable(#[from] UnreadableReply),
    /// A reply came whose kind does not match the request.
    #[error("received a reply of the wrong kind")]
    UnexpectedReply,
    /// The outcome of another command came.
    #[error("received the outcome of the reference {found:?}, expected {asked:?}")]
    ForeignReply {
        /// The reference of the command that was sent.
        asked: String,
        /// The reference in the reply.
        found: String,
    },
    /// The producer or client was closed.
    #[error("the producer or client is closed")]
    Closed,
    /// The number of messages that were not confirmed before the producer was closed.
    #[error("{0} messages were not confirmed before closing")]
    Lost(usize),
    /// The hold of the guard was captured or released before.
    #[error("the hold has ended")]
    HoldEnded,
    /// The file of the embedded queue, or its tables, do not exist.
    #[error("the file has no queue: start the worker on it, or run `scrip migrate up`")]
    NotMigrated,
    /// Reading or writing the file of the embedded queue failed.
    #[error("the embedded queue failed")]
    Queue(#[source] Cause),
    /// The embedded queue does not support the operation. Only RabbitMQ does.
    #[error("the embedded queue cannot {0}")]
    Unsupported(&'static str),
}

impl Error {
    /// Whether time ran out: the window stayed full, or a confirm or reply did not come.
    ///
    /// Except after [`WindowFull`](Self::WindowFull) the message may have arrived. Sending it again
    /// with the same reference is safe.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            Self::WindowFull(_) | Self::Unconfirmed { .. } | Self::NoReply { .. }
        )
    }

    /// Whether the broker has no queue or exchange for the message, or the user has no permission.
    /// The topology or the credentials are wrong.
    pub fn is_unroutable(&self) -> bool {
        matches!(self, Self::Returned { .. } | Self::Refused { .. })
    }

    /// Whether the message is not valid. Sending it again does not help.
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// Whether the producer or client was closed.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// The rejection, if the message is not valid.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// The code of a query's error, such as `wallet_not_found`.
    pub fn answer_code(&self) -> Option<&str> {
        match self {
            Self::Answer(error) => Some(&error.code),
            _ => None,
        }
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
