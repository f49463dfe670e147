//! The pace of the search for the primary: when the next search begins, how long it waits for an
//! answer, and when the database counts as lost.
//!
//! Each search opens a session at each address. So a server that is slow or has no session left
//! must not be asked more often than a healthy one. While its connections answer, the database is
//! in use, and a search that fails is no outage.

use std::time::Duration;

use producer_sdk::Backoff;
use tokio::time::Instant;

use super::attempt::Reply;

/// Interval between two searches while the database answers as it should. An answer over the
/// connections in use counts for this long.
pub(super) const EVERY: Duration = Duration::from_secs(3);
/// Shortest pause between two searches.
const SHORTEST: Duration = Duration::from_millis(250);
/// Longest pause between two searches that are needed at once.
const SOON: Duration = Duration::from_secs(1);
/// Longest pause while no server can be used for longer than [`LONG`], and the interval while only
/// the search fails.
const LATER: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(30);
/// Longest wait for an address during the first [`LONG`] of an outage, so that a silent server
/// delays the next search only a little.
const ANSWER: Duration = Duration::from_secs(1);
/// Number of failed searches in a row after which they are logged.
const REPORTED: u32 = 3;

/// A change that a search has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The database is in use or lost, as before.
    Nothing,
    /// No server can be used for longer than [`EVERY`].
    Lost,
    /// Several searches in a row have failed, but the database is in use.
    Unanswered,
    /// An outage has ended.
    Recovered {
        /// Whether its begin was logged.
        is_logged: bool,
    },
}

/// Decides when to search.
#[derive(Debug)]
pub(super) struct Pace {
    soon: Backoff,
    later: Backoff,
    outage: Option<Outage>,
    /// Failed searches in a row while the database was in use.
    unanswered: u32,
}

#[derive(Debug)]
struct Outage {
    began: Instant,
    is_logged: bool,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            soon: Backoff::starting_at(SHORTEST, SOON),
            later: Backoff::starting_at(SOON, LATER),
            outage: None,
            unanswered: 0,
        }
    }

    /// The pause before the next search, also if that is needed at once: slow statements need one
    /// each time.
    pub fn pause(&mut self, now: Instant) -> Duration {
        if self.is_long(now) {
            self.later.wait()
        } else {
            self.soon.wait()
        }
    }

    /// How long the next search may wait for trouble, after the pause. `None`: not at all.
    pub fn interval(&self) -> Option<Duration> {
        match (&self.outage, self.unanswered) {
            (Some(_), _) => None,
            (None, 0) => Some(EVERY),
            (None, _) => Some(LATER),
        }
    }

    /// Notes that an interval passed without trouble.
    pub fn quiet(&mut self) {
        self.soon.reset();
    }

    /// Longest wait for an address. It grows while only the search fails, so that a slow login
    /// completes instead of being repeated.
    pub fn answer(&self, now: Instant) -> Duration {
        if self.is_long(now) {
            return LATER;
        }
        ANSWER
            .saturating_mul(1 << self.unanswered.min(10))
            .min(LATER)
    }

    /// Notes that a search has found a server.
    pub fn found(&mut self) -> Change {
        self.unanswered = 0;
        self.end_outage().unwrap_or(Change::Nothing)
    }

    /// Notes that a search has found no server. `reply` is that of the address in use, and
    /// `is_answering` says whether the connections in use answer.
    pub fn failed(&mut self, reply: Reply, is_answering: bool, now: Instant) -> Change {
        let is_in_use = match reply {
            Reply::Unusable => false,
            Reply::Full => is_answering || self.outage.is_none(),
            Reply::Nothing => is_answering,
        };
        if is_in_use {
            self.unanswered = self.unanswered.saturating_add(1);
            let still = if self.unanswered == REPORTED {
                Change::Unanswered
            } else {
                Change::Nothing
            };
            return self.end_outage().unwrap_or(still);
        }
        self.unanswered = 0;
        if self.outage.is_none() {
            self.soon.reset();
            self.later.reset();
        }
        let outage = self.outage.get_or_insert(Outage {
            began: now,
            is_logged: false,
        });
        if outage.is_logged || now.duration_since(outage.began) < EVERY {
            return Change::Nothing;
        }
        outage.is_logged = true;
        Change::Lost
    }

    fn end_outage(&mut self) -> Option<Change> {
        let Outage { is_logged, .. } = self.outage.take()?;
        self.soon.reset();
        Some(Change::Recovered { is_logged })
    }

    fn is_long(&self, now: Instant) -> bool {
        let outage = self.outage.as_ref();
        outage.is_some_and(|outage| now.duration_since(outage.began) >= LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Takes pauses, each of which is at most that long and at least half as long.
    fn assert_pauses(pace: &mut Pace, now: Instant, milliseconds: &[u64]) {
        for full in milliseconds {
            let full = Duration::from_millis(*full);
            let pause = pace.pause(now);
            assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
        }
    }

    #[test]
    fn searches_of_an_outage_are_frequent_for_30_seconds_and_then_rare() {
        let (mut pace, began) = (Pace::new(), Instant::now());
        assert_eq!(pace.interval(), Some(EVERY));
        assert_eq!(pace.failed(Reply::Nothing, false, began), Change::Nothing);
        assert_eq!(pace.interval(), None);
        assert_pauses(&mut pace, began, &[250, 500, 1000, 1000, 1000]);
        let late = began + LONG;
        assert_eq!(pace.failed(Reply::Nothing, false, late), Change::Lost);
        assert_eq!(pace.failed(Reply::Nothing, false, late), Change::Nothing);
        assert_pauses(&mut pace, late, &[1000, 2000, 4000, 5000, 5000]);
        assert_eq!(pace.answer(began), ANSWER);
        assert_eq!(pace.answer(late), LATER);
        assert_eq!(pace.found(), Change::Recovered { is_logged: true });
        assert_eq!(pace.found(), Change::Nothing);
        assert_pauses(&mut pace, late, &[250]);
    }

    #[test]
    fn a_search_that_fails_while_connections_answer_is_no_outage() {
        let (mut pace, mut now) = (Pace::new(), Instant::now());
        let mut answers = Vec::new();
        for change in [Change::Nothing, Change::Nothing, Change::Unanswered] {
            answers.push(pace.answer(now));
            assert_eq!(pace.failed(Reply::Nothing, true, now), change);
            assert_eq!(pace.interval(), Some(LATER));
            now += LATER;
        }
        assert_eq!(answers, [SECOND, 2 * SECOND, 4 * SECOND]);
        for _ in 0..100 {
            assert_eq!(pace.failed(Reply::Nothing, true, now), Change::Nothing);
            assert_eq!(pace.answer(now), LATER);
        }
        assert_eq!(pace.found(), Change::Nothing);
        assert_eq!(pace.interval(), Some(EVERY));
    }

    #[test]
    fn a_server_with_no_connection_left_begins_no_outage_and_ends_none() {
        let (mut pace, now) = (Pace::new(), Instant::now());
        assert_eq!(pace.failed(Reply::Full, false, now), Change::Nothing);
        assert_eq!(pace.interval(), Some(LATER));
        pace.failed(Reply::Nothing, false, now);
        pace.failed(Reply::Full, false, now);
        assert_eq!(pace.interval(), None);
        let change = pace.failed(Reply::Full, true, now);
        assert_eq!(change, Change::Recovered { is_logged: false });
    }

    #[test]
    fn a_server_that_became_a_standby_is_lost_although_its_connections_answer() {
        let (mut pace, now) = (Pace::new(), Instant::now());
        pace.failed(Reply::Unusable, true, now);
        assert_eq!(pace.interval(), None);
        let change = pace.failed(Reply::Unusable, true, now + EVERY);
        assert_eq!(change, Change::Lost);
    }

    #[test]
    fn searches_for_slow_statements_have_growing_pauses_until_a_quiet_interval() {
        let (mut pace, now) = (Pace::new(), Instant::now());
        for _ in 0..5 {
            pace.pause(now);
            assert_eq!(pace.found(), Change::Nothing);
        }
        assert_pauses(&mut pace, now, &[1000, 1000]);
        pace.quiet();
        assert_pauses(&mut pace, now, &[250]);
    }
}
