//! Which senders were reported lately: each is reported once, however many of its messages there are.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

/// Senders that are reported within [`FORGET_AFTER`]. They choose the names that tell them apart, so there must be a limit.
pub(super) const MOST_SENDERS: usize = 100;
/// A sender that goes on is reported again after this.
const FORGET_AFTER: Duration = Duration::from_hours(1);
/// Characters of a sender's text in the log.
const MOST_TEXT: usize = 100;

/// Senders that were reported since `since`, as hashes.
#[derive(Debug, Default)]
pub(super) struct ReportedSenders {
    since: Option<Instant>,
    senders: HashSet<u64>,
}

impl ReportedSenders {
    /// Whether a sender is to be reported, and whether it is the last one.
    pub(super) fn note(&mut self, sender: &impl Hash) -> (bool, bool) {
        if self.since.is_none_or(|since| since.elapsed() > FORGET_AFTER) {
            self.senders.clear();
            self.since = Some(Instant::now());
        }
        let mut hasher = DefaultHasher::new();
        sender.hash(&mut hasher);
        let is_new = self.senders.len() < MOST_SENDERS && self.senders.insert(hasher.finish());
        (is_new, is_new && self.senders.len() == MOST_SENDERS)
    }

    /// How many were reported.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.senders.len()
    }
}

/// A sender's text as it may stand in the log.
pub(super) fn shortened(text: &str) -> String {
    text.chars()
        .take(MOST_TEXT)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_reported_once_and_no_more_than_a_hundred_are() {
        let mut reported = ReportedSenders::default();
        assert_eq!(reported.note(&"shop"), (true, false));
        assert_eq!(reported.note(&"shop"), (false, false));
        let news: Vec<_> = (0..1000).map(|n| reported.note(&n)).collect();
        assert_eq!(
            news.iter().filter(|(is_new, _)| *is_new).count(),
            MOST_SENDERS - 1
        );
        assert_eq!(news.iter().filter(|(_, is_last)| *is_last).count(), 1);
        assert_eq!(reported.senders.len(), MOST_SENDERS);
        reported.since = Instant::now().checked_sub(FORGET_AFTER * 2);
        assert_eq!(reported.note(&"shop"), (true, false));
    }

    #[test]
    fn what_a_sender_wrote_cannot_control_the_log() {
        assert_eq!(shortened("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
        assert_eq!(shortened(&"ä".repeat(255)).chars().count(), MOST_TEXT);
    }
}
