//! When the engine opens another channel, although the channel and its connection are open.
//!
//! RabbitMQ 3.10 refuses, or never answers, messages of a channel that published to a quorum queue
//! while the queue had no leader. Another channel finds the new leader.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;

/// How long the first message waits for its confirm before the channel may be the cause.
const STALLED: Duration = Duration::from_secs(5);
/// Time from one renewal to the next: it doubles as long as messages are refused.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

pub(super) struct Renewals {
    /// Whether the channel may be the cause of refusals.
    is_suspect: bool,
    /// The earliest time for another channel. A full queue refuses messages on every channel, and
    /// each new channel publishes all unconfirmed messages again.
    next: Instant,
    pauses: Backoff,
}

impl Renewals {
    pub(super) fn new() -> Self {
        Self {
            is_suspect: false,
            next: Instant::now(),
            pauses: Backoff::starting_at(FIRST_PAUSE, LONGEST_PAUSE),
        }
    }

    /// Notes that the channel may be the cause of a refusal.
    pub(super) fn suspect(&mut self) {
        self.is_suspect = true;
    }

    /// Whether refusals need another channel now. Forgets them.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        std::mem::take(&mut self.is_suspect) && now >= self.next
    }

    /// Notes that another channel is opened.
    pub(super) fn begin(&mut self, now: Instant) {
        self.next = now + self.pauses.wait();
    }

    /// Notes that no message is refused.
    pub(super) fn reset(&mut self) {
        self.pauses.reset();
    }

    /// When a channel stalls whose first message was published at that time and is not confirmed.
    pub(super) fn stalls_at(&self, published_at: Instant) -> Instant {
        self.next.max(published_at + STALLED)
    }

    /// Notes that the broker reads from no channel, so that another one would not help.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.next = now + STALLED;
    }
}

#[cfg(test)]
#[path = "renewals_tests.rs"]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
