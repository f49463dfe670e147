//! One message as a transport handed it over.

use chrono::{DateTime, Utc};
use producer_sdk::contract::{Door, Rejection};

use super::settlement::ReplyTo;

/// One message as a transport handed it over. `T` is what the transport needs to settle it.
#[derive(Debug)]
pub struct Delivery<T> {
    /// What the transport needs to settle it.
    pub ticket: T,
    /// The message, untouched.
    pub body: Vec<u8>,
    /// Why its properties could not be read; `None` if they could.
    pub unreadable: Option<String>,
    /// The door it came through; `None` when it was put into the queue past the exchanges.
    pub door: Option<Door>,
    /// The account that sent it, as the broker verified; `None` if the message names none or the queue verifies none.
    pub sender: Option<String>,
    /// Where an answer is wanted, if one is and the place is acceptable.
    pub reply: Option<ReplyTo>,
    /// How often it went through the delay queue.
    pub attempt: u32,
    /// When a worker first received it, also before a delay, or before it became a dead letter and was replayed.
    pub first_seen: DateTime<Utc>,
}

/// A delivery that was decoded.
#[derive(Debug)]
pub struct Admitted<T> {
    /// What was decoded.
    pub delivery: Delivery<T>,
    /// The command, or why there is none.
    pub verdict: Result<ledger::Command, Rejection>,
}
