//! Growing pauses with jitter, so that many clients do not reconnect at the same time.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);

/// Pauses between attempts, which double up to a limit. Each is random within its upper half.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    attempt: u32,
}

impl Backoff {
    /// Starts at 100 ms and never exceeds `longest`.
    pub fn new(longest: Duration) -> Self {
        Self::starting_at(FIRST, longest)
    }

    /// Starts at `first` and never exceeds `longest`.
    pub fn starting_at(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            attempt: 0,
        }
    }

    /// The next pause.
    pub fn wait(&mut self) -> Duration {
        let full = self
            .first
            .saturating_mul(1 << self.attempt.min(20))
            .min(self.longest);
        self.attempt = self.attempt.saturating_add(1);
        let half = full / 2;
        half + half.mul_f64(random_fraction())
    }

    /// Starts again at the shortest pause. Called after a success.
    pub fn reset(&mut self) {
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
        for (longest, pauses) in [
            (2000, &[100, 200, 400, 800, 1600, 2000, 2000][..]),
            (350, &[100, 200, 350, 350]),
            (10, &[10, 10]),
        ] {
            let mut backoff = Backoff::new(Duration::from_millis(longest));
            for full in pauses {
                let full = Duration::from_millis(*full);
                let pause = backoff.wait();
                assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
            }
            backoff.reset();
            assert!(backoff.wait() <= FIRST);
        }
    }
}
