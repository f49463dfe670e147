//! A message that kills its worker must not stop the queue.
//!
//! A worker that has just got the lane does not know how the one before it ended. So it notes in the file which message it
//! begins with, and takes the note back when it has lived through its first group. Where the same message was noted before,
//! the group has killed somebody: its messages are taken one at a time, each noted, and the one that was noted too often goes
//! through the delay like any poison, while the others go on.

use tracing::warn;

use super::{EmbeddedError, queue, round, round_ledger::RoundLedger};
use crate::{clock::Clock, lane::Pipeline};

/// This often a message is noted, with its group or alone, before the others have their turn.
const TRIES: u32 = 3;
/// What the notes are filed under.
const QUEUE: &str = "commands";

/// How carefully a worker takes commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caution {
    /// It has not lived through a group yet.
    #[default]
    First,
    /// So many more go one at a time.
    Alone(u16),
    /// It takes what it can.
    Over,
}

impl Caution {
    /// Serves commands as carefully as is called for; `most` together.
    pub async fn serve(
        self,
        pipeline: &mut Pipeline<RoundLedger>,
        owner: &str,
        most: u16,
        clock: &Clock,
    ) -> Result<Self, EmbeddedError> {
        if self == Self::Over {
            round::serve(pipeline, owner, most, clock).await?;
            return Ok(self);
        }
        let now = clock.now();
        let store = pipeline.ledger().store().clone();
        let Some(head) = queue::first(store.connection(), QUEUE, now).await? else {
            return Ok(self);
        };
        let times = store.take_alone(QUEUE, &head.to_string(), now).await?;
        let is_alone = self != Self::First || times > 1;
        let served = if times > TRIES {
            round::set_apart(pipeline, owner, times, clock).await
        } else {
            if self == Self::First && is_alone {
                warn!(
                    message = head,
                    times, "a worker may have died of this group; taking its messages one at a time"
                );
            }
            round::serve(pipeline, owner, if is_alone { 1 } else { most }, clock).await
        };
        // However it ended, nobody has died of it.
        let forgotten = store.forget_alone(QUEUE).await;
        served?;
        forgotten?;
        Ok(match self {
            Self::First if !is_alone => Self::Over,
            Self::First => Self::Alone(most),
            Self::Alone(more) if more > 1 => Self::Alone(more - 1),
            Self::Alone(_) | Self::Over => Self::Over,
        })
    }
}
