//! Computes the wait before a retry.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(100);

/// Waits that double up to a limit. Each is random within its upper half, so that many waiters do
/// not retry in step.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    limit: Duration,
}

impl Backoff {
    /// Starts at 100 ms and never exceeds `limit`.
    pub fn new(limit: Duration) -> Self {
        Self {
            next: FIRST.min(limit),
            limit,
        }
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.limit);
        let half = whole / 2;
        half + half.mul_f64(random_fraction())
    }

    /// Starts again at the shortest wait. Called after a success.
    pub fn reset(&mut self) {
        self.next = FIRST.min(self.limit);
    }
}

/// A random number in `0.0..1.0`.
fn random_fraction() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(random >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_restart_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(350));
        for whole in [100, 200, 350, 350] {
            let wait = backoff.wait();
            assert!(
                wait >= Duration::from_millis(whole / 2) && wait <= Duration::from_millis(whole),
                "{wait:?}"
            );
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_millis(100));
    }
}
