//! Remembers which failures of connections were logged lately. A broker that cannot be reached
//! fails four connections again and again, each with the same error.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A failure that continues is logged again after this time.
const REPEAT_AFTER: Duration = Duration::from_secs(30);
/// Largest number of different errors that are remembered.
const MAX_ERRORS: usize = 100;

/// The errors that were logged since a connection was last established.
#[derive(Debug, Default)]
pub struct ReportedFailures(Mutex<HashMap<String, Reported>>);

#[derive(Debug)]
struct Reported {
    at: Instant,
    /// Failures that were not logged since then.
    suppressed: u64,
}

impl ReportedFailures {
    /// Whether to log a failure: the number of equal ones since the last that was logged, or
    /// nothing if that was a moment ago.
    pub fn note(&self, error: &str) -> Option<u64> {
        self.note_at(error, Instant::now())
    }

    fn note_at(&self, error: &str, now: Instant) -> Option<u64> {
        let mut errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reported) = errors.get_mut(error) {
            if now.duration_since(reported.at) < REPEAT_AFTER {
                reported.suppressed += 1;
                return None;
            }
            reported.at = now;
            return Some(std::mem::take(&mut reported.suppressed));
        }
        if errors.len() >= MAX_ERRORS {
            errors.clear();
        }
        let first = Reported {
            at: now,
            suppressed: 0,
        };
        errors.insert(error.to_owned(), first);
        Some(0)
    }

    /// Forgets everything: a connection was established.
    pub fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_continues_is_logged_twice_a_minute_and_counted() {
        let failures = ReportedFailures::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(failures.note_at("refused", start), Some(0));
        assert_eq!(failures.note_at("refused", after(1)), None);
        assert_eq!(failures.note_at("refused", after(29)), None);
        assert_eq!(failures.note_at("other", after(29)), Some(0));
        assert_eq!(failures.note_at("refused", after(30)), Some(2));
        assert_eq!(failures.note_at("refused", after(31)), None);
        failures.clear();
        assert_eq!(failures.note_at("refused", after(32)), Some(0));
    }

    #[test]
    fn a_limited_number_of_errors_is_remembered() {
        let failures = ReportedFailures::default();
        for n in 0..=MAX_ERRORS {
            assert_eq!(failures.note(&n.to_string()), Some(0));
        }
        assert_eq!(failures.note("0"), Some(0));
    }
}
