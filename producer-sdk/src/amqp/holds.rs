//! Pauses for routing keys whose queue is full.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lapin::types::ShortString;
use tokio::time::Instant;

use super::outgoing::Outgoing;
use crate::backoff::Backoff;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Number of pauses in a row after which the channel may be the cause: about 2 s.
const SUSPECT_AFTER: u32 = 6;

/// Exchange and routing key.
type Route = (ShortString, ShortString);

/// The routes whose messages wait.
#[derive(Default)]
pub(super) struct Holds(HashMap<Route, Hold>);

struct Hold {
    until: Instant,
    backoff: Backoff,
    /// Pauses in a row.
    pauses: u32,
}

impl Holds {
    /// Whether the route of this message is held back now.
    pub(super) fn is_held(&self, message: &Outgoing, now: Instant) -> bool {
        let hold = || self.0.get(&route(message));
        !self.0.is_empty() && hold().is_some_and(|hold| hold.until > now)
    }

    /// Holds back the route of a message that the broker refused. Refusals during a pause do not
    /// extend it. Returns whether the channel may be the cause, because there were
    /// [`SUSPECT_AFTER`] pauses in a row on this channel.
    pub(super) fn start(&mut self, message: &Outgoing, now: Instant) -> bool {
        let hold = self.0.entry(route(message)).or_insert_with(|| Hold {
            until: now,
            backoff: Backoff::starting_at(FIRST_PAUSE, LONGEST_PAUSE),
            pauses: 0,
        });
        if hold.until > now {
            return false;
        }
        hold.until = now + hold.backoff.wait();
        hold.pauses += 1;
        hold.pauses >= SUSPECT_AFTER
    }

    /// Counts pauses from 0 again, on another channel.
    pub(super) fn restart(&mut self) {
        for hold in self.0.values_mut() {
            hold.pauses = 0;
        }
    }

    /// Whether no route is held back.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the hold of a route that takes messages again.
    pub(super) fn end(&mut self, message: &Outgoing) {
        self.0.remove(&route(message));
    }

    /// The end of the next pause.
    pub(super) fn next_end(&self, now: Instant) -> Option<Instant> {
        let ends = self.0.values().map(|hold| hold.until);
        ends.filter(|until| *until > now).min()
    }

    /// Forgets all routes without one of these messages.
    pub(super) fn retain_for<'a>(&mut self, messages: impl Iterator<Item = &'a Outgoing>) {
        if !self.0.is_empty() {
            let routes: HashSet<Route> = messages.map(route).collect();
            self.0.retain(|held, _| routes.contains(held));
        }
    }
}

fn route(message: &Outgoing) -> Route {
    (message.exchange.clone(), message.routing_key.clone())
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::message::Properties;

    #[test]
    fn a_channel_is_suspect_after_six_pauses_in_a_row() {
        let message = Outgoing::new("usage", "7", Properties::default(), Vec::new());
        let message = message.expect("a message");
        let mut holds = Holds::default();
        let mut now = Instant::now();
        for pause in 1..=8 {
            assert_eq!(holds.start(&message, now), pause >= 6, "pause {pause}");
            assert!(!holds.start(&message, now), "during pause {pause}");
            now += LONGEST_PAUSE;
        }
        holds.restart();
        assert!(!holds.start(&message, now), "on another channel");
        holds.end(&message);
        assert!(holds.is_empty());
    }
}
