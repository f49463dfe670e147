//! Growing pauses with jitter, so that many clients do not reconnect at the same time.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Pauses between attempts: a random time from half of `first` to `first`, then the same for its
/// double, and so on up to `longest`.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    attempt: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            attempt: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let full = self
            .first
            .saturating_mul(1 << self.attempt.min(20))
            .min(self.longest);
        self.attempt = self.attempt.saturating_add(1);
        let half = full / 2;
        half + half.mul_f64(random_fraction())
    }

    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// A random number from 0 to 1. The hash seeds of the standard library are random enough for a
/// pause.
fn random_fraction() -> f64 {
    f64::from((RandomState::new().hash_one(0) >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_maximum_and_start_again_after_a_reset() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(first, longest);
        for full in [100, 200, 400, 800, 1600, 2000, 2000] {
            let full = Duration::from_millis(full);
            let pause = backoff.next();
            assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= first);
    }
}
