//! The settlement of deliveries.

use std::borrow::Cow;

use ledger::Refusal;

use super::delivery::{Delivery, ReplyTo};
use crate::dead_letters::CutBody;

/// How often a delivery goes through the delay queue before it becomes a dead letter.
pub const MAX_ATTEMPTS: u32 = 3;

/// The reason of a dead letter that the database keeps refusing or that keeps crashing its worker.
pub(super) const POISON: &str = "poison";

/// The reason of a dead letter that was paid for and cannot be applied.
pub(super) fn unapplied(code: Refusal) -> String {
    format!("unapplied:{}", code.as_str())
}

/// The settlement of a delivery.
#[derive(Debug)]
pub enum Settlement {
    /// The delivery is finished and acknowledged.
    Ack,
    /// The delivery goes to the delay queue and is retried later.
    Delay(Delay),
    /// The delivery is dead-lettered for an operator.
    Dead(Dead),
}

/// A delivery that is retried later.
#[derive(Debug)]
pub struct Delay {
    /// Number of delays, including this one.
    pub attempt: u32,
    /// Why the attempt failed.
    pub error: String,
}

/// A delivery that is dead-lettered.
#[derive(Debug)]
pub struct Dead {
    /// Whether the message was rejected: it is not a valid command.
    pub is_rejection: bool,
    /// The reason, as a code: the code of a rejection, `unapplied:{code}` or `poison`.
    pub reason: Cow<'static, str>,
    /// The reason, as text for people.
    pub error: String,
    /// The field that is invalid; `None` if the cause is not a field.
    pub field: Option<String>,
    /// The original body, if it exceeds the size limit and only its beginning is kept.
    pub cut: Option<CutBody>,
}

/// A reply to a command or a query.
#[derive(Debug)]
pub struct Reply {
    pub to: ReplyTo,
    /// JSON.
    pub body: Vec<u8>,
}

/// A delivery with its settlement.
#[derive(Debug)]
pub struct Settled<T> {
    pub delivery: Delivery<T>,
    pub settlement: Settlement,
    /// The reply to its sender; `None` if none is requested.
    pub reply: Option<Reply>,
}
