//! Rate limits: a bucket for each token. They are the only state of the server beside caches, so
//! each process counts for itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Maximum of buckets in memory. A full bucket is the same as none.
const MAX_BUCKETS: usize = 10_000;

/// The buckets of all tokens. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct RateLimits(Arc<Mutex<HashMap<Uuid, Bucket>>>);

/// A bucket that holds the requests of one second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Requests that are allowed at `at`. Negative after a batch that was larger than the rest.
    level: f64,
    at: Instant,
    rate: f64,
}

impl Bucket {
    fn level_at(&self, now: Instant) -> f64 {
        let gained = now.duration_since(self.at).as_secs_f64() * self.rate;
        (self.level + gained).min(self.rate)
    }
}

impl RateLimits {
    /// Counts a request of a token that may send `rate` of them each second. The error is the time
    /// after which the next one is allowed.
    pub fn enter(&self, id: Uuid, rate: u32, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.lock();
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&id) {
            buckets.retain(|_, bucket| bucket.level_at(now) < bucket.rate);
        }
        let rate = f64::from(rate.max(1));
        let bucket = buckets.entry(id).or_insert(Bucket {
            level: rate,
            at: now,
            rate,
        });
        bucket.level = bucket.level_at(now).min(rate);
        (bucket.at, bucket.rate) = (now, rate);
        if bucket.level < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.level) / rate));
        }
        bucket.level -= 1.0;
        Ok(())
    }

    /// Counts further requests of a token, such as the commands of a batch. They are allowed, and
    /// the next requests wait for them.
    pub fn charge(&self, id: Uuid, requests: usize) {
        if let Some(bucket) = self.lock().get_mut(&id) {
            bucket.level -= f64::from(u32::try_from(requests).unwrap_or(u32::MAX));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of a user's bucket. It does not depend on the token, so a new one brings no new bucket.
pub fn id_of(user_id: &str) -> Uuid {
    let hash = Sha256::digest(user_id.as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_send_the_requests_of_one_second_at_once_and_then_waits() {
        let limits = RateLimits::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut now = Instant::now();
        for _ in 0..10 {
            assert_eq!(limits.enter(one, 10, now), Ok(()));
        }
        assert_eq!(limits.enter(one, 10, now), Err(Duration::from_millis(100)));
        assert_eq!(limits.enter(other, 10, now), Ok(()));
        now += Duration::from_millis(100);
        assert_eq!(limits.enter(one, 10, now), Ok(()));
        assert!(limits.enter(one, 10, now).is_err());
        now += Duration::from_mins(1);
        for _ in 0..10 {
            assert_eq!(limits.enter(one, 10, now), Ok(()));
        }
        assert!(limits.enter(one, 10, now).is_err());
    }

    #[test]
    fn the_commands_of_a_batch_count_against_the_next_requests() {
        let limits = RateLimits::default();
        let (id, now) = (Uuid::from_u128(1), Instant::now());
        assert_eq!(limits.enter(id, 10, now), Ok(()));
        limits.charge(id, 29);
        assert!(limits.enter(id, 10, now).is_err());
        assert!(limits.enter(id, 10, now + Duration::from_secs(2)).is_err());
        let later = now + Duration::from_millis(2_200);
        assert_eq!(limits.enter(id, 10, later), Ok(()));
    }
}
