//! Prevents a message that crashes its worker from blocking the queue.
//!
//! A worker that has just taken the lane does not know how its predecessor ended. So it adds one to
//! the crash counter of the first message before it takes its first group, and resets the counter
//! after that group. If the message was counted before, its group has crashed a worker. Then the
//! messages of the group are taken one at a time, each with its crash counter. A message whose
//! counter exceeds the limit is delayed like a poison command, and the other messages proceed.

use tracing::warn;

use super::{EmbeddedError, queue, round::Rounds};

/// Attempts at a message, with its group or by itself, before it is delayed.
const TRIES: u32 = 3;
/// The queue name of the crash counters.
const QUEUE: &str = "commands";

/// How many commands a worker takes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuarantineMode {
    /// The worker has not finished a group yet.
    #[default]
    First,
    /// The worker takes this many more commands one at a time.
    OneByOne(u16),
    /// The worker takes whole groups.
    Off,
}

impl QuarantineMode {
    /// Serves commands in this mode, at most `group_max` together, and returns the next mode.
    pub async fn serve(self, rounds: &mut Rounds, group_max: u16) -> Result<Self, EmbeddedError> {
        if self == Self::Off {
            rounds.serve(group_max).await?;
            return Ok(self);
        }
        let now = rounds.clock.now();
        let store = rounds.store.clone();
        let Some(head) = queue::first(store.connection(), QUEUE, now).await? else {
            return Ok(self);
        };
        let attempts = store.record_attempt(QUEUE, &head.to_string(), now).await?;
        let is_single = self != Self::First || attempts > 1;
        let served = if attempts > TRIES {
            rounds.quarantine_first(attempts).await
        } else {
            if self == Self::First && is_single {
                warn!(
                    queue_message = head,
                    attempts, "group may have crashed a worker, taking its messages one at a time"
                );
            }
            rounds.serve(if is_single { 1 } else { group_max }).await
        };
        // The attempt did not crash the worker, even if it failed.
        let cleared = store.clear_attempts(QUEUE).await;
        served?;
        cleared?;
        Ok(match self {
            Self::First if !is_single => Self::Off,
            Self::First => Self::OneByOne(group_max),
            Self::OneByOne(more) if more > 1 => Self::OneByOne(more - 1),
            Self::OneByOne(_) | Self::Off => Self::Off,
        })
    }
}
