//! Remembers which senders were reported lately: each is reported once, regardless of the number of
//! its messages.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

/// Largest number of senders that are reported within [`FORGET_AFTER`]. Senders choose the names
/// that distinguish them, so there must be a limit.
pub(super) const MAX_SENDERS: usize = 100;
/// A sender that continues is reported again after this time.
const FORGET_AFTER: Duration = Duration::from_hours(1);
/// Largest number of characters of a sender's text in the log.
const MAX_TEXT: usize = 100;

/// The senders that were reported since `since`, as hashes.
#[derive(Debug, Default)]
pub(super) struct ReportedSenders {
    since: Option<Instant>,
    senders: HashSet<u64>,
}

impl ReportedSenders {
    /// Whether a sender must be reported, and whether it is the last one before the limit.
    pub(super) fn note(&mut self, sender: &impl Hash) -> (bool, bool) {
        if self
            .since
            .is_none_or(|since| since.elapsed() > FORGET_AFTER)
        {
            self.senders.clear();
            self.since = Some(Instant::now());
        }
        let mut hasher = DefaultHasher::new();
        sender.hash(&mut hasher);
        let is_new = self.senders.len() < MAX_SENDERS && self.senders.insert(hasher.finish());
        (is_new, is_new && self.senders.len() == MAX_SENDERS)
    }

    /// Number of reported senders.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.senders.len()
    }
}

/// A sender's text, cut and escaped for the log.
pub(super) fn shortened(text: &str) -> String {
    text.chars()
        .take(MAX_TEXT)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Conformance: Broker permissions and senders: A sender with an unusable `reply_to` is
    /// counted, and reported once
    #[test]
    fn a_sender_is_reported_once_and_at_most_a_hundred_senders_are() {
        let mut reported = ReportedSenders::default();
        assert_eq!(reported.note(&"shop"), (true, false));
        assert_eq!(reported.note(&"shop"), (false, false));
        let news: Vec<_> = (0..1000).map(|n| reported.note(&n)).collect();
        assert_eq!(
            news.iter().filter(|(is_new, _)| *is_new).count(),
            MAX_SENDERS - 1
        );
        assert_eq!(news.iter().filter(|(_, is_last)| *is_last).count(), 1);
        assert_eq!(reported.senders.len(), MAX_SENDERS);
        reported.since = Instant::now().checked_sub(FORGET_AFTER * 2);
        assert_eq!(reported.note(&"shop"), (true, false));
    }

    #[test]
    fn the_text_of_a_sender_is_cut_and_escaped_for_the_log() {
        assert_eq!(shortened("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
        assert_eq!(shortened(&"ä".repeat(255)).chars().count(), MAX_TEXT);
    }
}
