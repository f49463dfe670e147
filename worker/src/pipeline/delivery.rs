//! Messages as a transport hands them over.

use chrono::{DateTime, Utc};
use producer_sdk::contract::{Origin, Rejection};

/// A message from a transport. `T` is what the transport needs to settle it.
#[derive(Debug)]
pub struct Delivery<T> {
    pub ticket: T,
    /// The unchanged body.
    pub body: Vec<u8>,
    /// Why the properties cannot be read; `None` if they can.
    pub unreadable: Option<String>,
    /// The origin of the message; `None` if it was published to the queue directly, without an
    /// exchange of the namespace.
    pub origin: Option<Origin>,
    /// The account that sent it, verified by the broker; `None` if the message names no account or
    /// the queue does not verify accounts.
    pub sender: Option<String>,
    /// Where to send the reply; `None` if no reply is requested or the address is not allowed.
    pub reply: Option<ReplyTo>,
    /// How often it went through the delay queue.
    pub attempt: u32,
    /// When a worker first received it. A delay, and a replay of the dead letter, do not change it.
    pub first_seen: DateTime<Utc>,
}

/// The address of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    pub queue: String,
    /// Identifies the request to its sender.
    pub correlation_id: Option<String>,
}

/// A delivery that was decoded.
#[derive(Debug)]
pub struct Admitted<T> {
    pub delivery: Delivery<T>,
    /// The command, or why the delivery is rejected.
    pub verdict: Result<ledger::Command, Rejection>,
}
