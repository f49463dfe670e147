//! What can go wrong between an app and the ledger, as questions that an app asks.

use std::error::Error as StdError;
use std::time::Duration;

use crate::contract::{AnswerError, Rejection, TopologyError, UnreadableReply};

/// A cause of another library's type.
pub(crate) type Cause = Box<dyn StdError + Send + Sync + 'static>;

/// Result of the SDK.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL cannot be used; the text never repeats its password.
    #[error("the URL cannot be used: {0}")]
    Url(String),
    /// The namespace cannot be used.
    #[error("the namespace cannot be used")]
    Namespace(#[from] TopologyError),
    /// The first connection failed.
    #[error("cannot connect")]
    Connect(#[source] Cause),
    /// The message cannot be understood: found before sending, or by the worker.
    #[error("rejected: {0}")]
    Rejected(#[from] Rejection),
    /// A property is longer than a message can carry.
    #[error("{0} is longer than 255 bytes")]
    PropertyTooLong(&'static str),
    /// The window was full for as long as the options allow. Nothing was sent.
    #[error("the window was full for {0:?}")]
    WindowFull(Duration),
    /// The message was not confirmed in time. It may have arrived: send it again under the same reference.
    #[error("not confirmed within {after:?}")]
    Unconfirmed {
        /// How long it was waited for.
        after: Duration,
        /// What stood in the way, if anything was seen.
        #[source]
        last: Option<Cause>,
    },
    /// The broker has no queue for the message.
    #[error("returned as unroutable by exchange {exchange:?} for routing key {routing_key:?} ({text})")]
    Returned {
        /// The exchange it was sent to.
        exchange: String,
        /// The routing key it was sent with.
        routing_key: String,
        /// The broker's words.
        text: String,
    },
    /// The broker will not take the message: no such exchange (start the worker, or run `scrip topology declare`),
    /// or no permission to write to it.
    #[error("the broker refused the message for exchange {exchange:?}")]
    Refused {
        /// The exchange it was sent to.
        exchange: String,
        /// The broker's words.
        #[source]
        cause: Cause,
    },
    /// The message was confirmed, or at least sent, but no reply came in time. The command may be carried out
    /// later: send it again under the same reference to learn what became of it.
    #[error("no reply within {0:?}")]
    NoReply(Duration),
    /// The query has no result.
    #[error("no answer: {0}")]
    Answer(#[from] AnswerError),
    /// A reply came that this version cannot read.
    #[error("an unreadable reply came")]
    Unreadable(#[from] UnreadableReply),
    /// A reply came that is none to what was asked.
    #[error("a reply of another kind came")]
    UnexpectedReply,
    /// An outcome came of another command than the one that was sent.
    #[error("an outcome of the reference {found:?} came; allowed is one of {asked:?}")]
    ForeignReply {
        /// The reference of the command that was sent.
        asked: String,
        /// The reference in the reply.
        found: String,
    },
    /// The producer or client was closed.
    #[error("closed")]
    Closed,
    /// This many messages were not confirmed when the producer was closed.
    #[error("{0} messages were not confirmed before closing")]
    Lost(usize),
    /// The embedded queue's file, or its tables, are missing.
    #[error("there is no queue in that file: start the worker on it, or run `scrip migrate up`")]
    NotMigrated,
    /// The embedded queue's file failed.
    #[error("the embedded queue failed")]
    Queue(#[source] Cause),
    /// Only RabbitMQ can do that, not the embedded queue.
    #[error("the embedded queue cannot {0}")]
    Unsupported(&'static str),
}

impl Error {
    /// Time ran out: a full window, a confirm or a reply that did not come. Except for
    /// [`WindowFull`](Self::WindowFull) the message may have arrived; sending it again under the same reference is safe.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            Self::WindowFull(_) | Self::Unconfirmed { .. } | Self::NoReply(_)
        )
    }

    /// The broker has no queue or no exchange for the message, or no permission: topology or credentials are wrong.
    pub fn is_unroutable(&self) -> bool {
        matches!(self, Self::Returned { .. } | Self::Refused { .. })
    }

    /// The message cannot be understood; sending it again will not help.
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// The producer or client was closed.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// The rejection, if that is what it is.
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
