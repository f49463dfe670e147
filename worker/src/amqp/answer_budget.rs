//! Limits the bytes of answers that each sender gets, so that one sender's queries neither keep those of others waiting nor fill the
//! broker's memory with answers that it does not read.
//!
//! A token bucket for each sender: what it does not use for some seconds it may use at once. Senders that do not name
//! themselves share one.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use tracing::warn;

use super::reported_senders::{ReportedSenders, shortened};

/// Seconds whose bytes may be used at once.
const BURST_SECONDS: f64 = 16.0;
/// An answer counts as at least this many bytes, because reading the ledger for it takes time too.
const LEAST_BYTES: u16 = 256;
/// Buckets that are full are forgotten when there are more than this.
const MOST_BUCKETS: usize = 1_000;

/// The buckets of all senders.
#[derive(Debug)]
pub struct AnswerBudget {
    bytes_per_second: f64,
    buckets: Mutex<HashMap<Option<String>, Bucket>>,
    refused: AtomicU64,
    reported: Mutex<ReportedSenders>,
}

/// What becomes of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It is answered.
    Answer,
    /// It gets a short refusal.
    Refuse,
    /// It gets nothing, because even refusals are too many.
    Drop,
}

/// How many bytes a sender may still use: negative after a large answer and after refusals, at least the burst below 0.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    bytes: f64,
    at: Instant,
}

impl AnswerBudget {
    /// Each sender gets `bytes_per_second` on average.
    pub fn new(bytes_per_second: u32) -> Self {
        Self {
            bytes_per_second: bytes_per_second.into(),
            buckets: Mutex::default(),
            refused: AtomicU64::default(),
            reported: Mutex::default(),
        }
    }

    /// What becomes of a query of this sender. One that is not answered is counted, and its sender is reported once an hour.
    pub fn permit(&self, sender: Option<&str>, now: Instant) -> Permit {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.get(&sender.map(str::to_owned));
        let left = bucket.map_or(self.full(), |bucket| self.refilled(*bucket, now));
        drop(buckets);
        let permit = if left > 0.0 {
            Permit::Answer
        } else if left - f64::from(LEAST_BYTES) >= -self.full() {
            Permit::Refuse
        } else {
            Permit::Drop
        };
        if permit != Permit::Answer {
            self.refused.fetch_add(1, Relaxed);
            let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            if reported.note(&sender).0 {
                let limit = self.bytes_per_second;
                warn!(
                    sender = sender.map(shortened),
                    limit, "queries refused, their sender gets more bytes of answers than it may"
                );
            }
        }
        permit
    }

    /// Takes the bytes of an answer from the sender's bucket.
    pub fn take(&self, sender: Option<&str>, bytes: usize, now: Instant) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS {
            let full = self.full();
            buckets.retain(|_, bucket| self.refilled(*bucket, now) < full);
        }
        let bucket = buckets.entry(sender.map(str::to_owned)).or_insert(Bucket {
            bytes: self.full(),
            at: now,
        });
        #[allow(
            clippy::cast_precision_loss,
            reason = "an answer has far less than 2^52 bytes"
        )]
        let bytes = bytes.max(LEAST_BYTES.into()) as f64;
        *bucket = Bucket {
            bytes: (self.refilled(*bucket, now) - bytes).max(-self.full()),
            at: now,
        };
    }

    /// Queries that were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    fn full(&self) -> f64 {
        self.bytes_per_second * BURST_SECONDS
    }

    fn refilled(&self, bucket: Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        self.full()
            .min(passed.mul_add(self.bytes_per_second, bucket.bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: Option<&str> = Some("a");
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sender_gets_the_bytes_of_16_seconds_at_once_and_then_so_many_a_second() {
        let (budget, start) = (AnswerBudget::new(1_000), Instant::now());
        for taken in 0..16 {
            assert_eq!(budget.permit(A, start), Permit::Answer, "after {taken} answers");
            budget.take(A, 1_000, start);
        }
        assert_eq!(budget.permit(A, start), Permit::Refuse);
        assert_eq!(budget.permit(A, start + SECOND), Permit::Answer);
        budget.take(A, 3_000, start + SECOND);
        let permit = budget.permit(A, start + SECOND * 3);
        assert_eq!(permit, Permit::Refuse, "2,000 bytes were ahead");
        assert_eq!(budget.permit(A, start + SECOND * 4), Permit::Answer);
        assert_eq!(budget.refused(), 2);
    }

    #[test]
    fn refusals_are_taken_too_and_end_when_the_burst_is_used_twice() {
        let (budget, start) = (AnswerBudget::new(1_000), Instant::now());
        budget.take(A, 16_000, start);
        budget.take(A, 15_000, start);
        assert_eq!(budget.permit(A, start), Permit::Refuse);
        budget.take(A, 1_000_000, start);
        assert_eq!(budget.permit(A, start), Permit::Drop);
        assert_eq!(budget.permit(A, start + SECOND * 16), Permit::Refuse);
        assert_eq!(budget.permit(A, start + SECOND * 17), Permit::Answer);
    }

    #[test]
    fn no_more_refusals_than_bytes_come_back() {
        let (budget, start) = (AnswerBudget::new(1_000), Instant::now());
        budget.take(A, 1_000_000, start);
        let mut refusals = 0;
        for millisecond in 1..=10_000 {
            let now = start + Duration::from_millis(millisecond);
            match budget.permit(A, now) {
                Permit::Answer => panic!("an answer after {millisecond} ms"),
                Permit::Refuse => {
                    refusals += 1;
                    budget.take(A, 200, now);
                }
                Permit::Drop => {}
            }
        }
        // 10 seconds bring 10,000 bytes, and a refusal counts as 256.
        assert!((38..=39).contains(&refusals), "{refusals}");
    }

    #[test]
    fn one_sender_takes_nothing_from_another_and_nameless_ones_share() {
        let (budget, now) = (AnswerBudget::new(1_000), Instant::now());
        budget.take(A, 1_000_000, now);
        assert_eq!(budget.permit(A, now), Permit::Drop);
        assert_eq!(budget.permit(Some("b"), now), Permit::Answer);
        assert_eq!(budget.permit(None, now), Permit::Answer);
        budget.take(None, 1_000_000, now);
        assert_eq!(budget.permit(None, now), Permit::Drop);
        assert_eq!(budget.permit(Some("b"), now), Permit::Answer);
    }

    #[test]
    fn small_answers_count_as_256_bytes() {
        let (budget, now) = (AnswerBudget::new(32), Instant::now());
        budget.take(A, 1, now);
        assert_eq!(budget.permit(A, now), Permit::Answer);
        budget.take(A, 1, now);
        assert_eq!(budget.permit(A, now), Permit::Refuse);
    }

    #[test]
    fn full_buckets_are_forgotten_and_others_are_not() {
        let (budget, start) = (AnswerBudget::new(1_000), Instant::now());
        budget.take(Some("greedy"), 1_000_000, start);
        for nth in 0..MOST_BUCKETS * 2 {
            let milliseconds = u64::try_from(nth).unwrap();
            budget.take(
                Some(&nth.to_string()),
                1,
                start + Duration::from_millis(milliseconds),
            );
        }
        let buckets = budget.buckets.lock().unwrap();
        assert!(buckets.len() <= MOST_BUCKETS + 1, "{}", buckets.len());
        assert!(buckets.contains_key(&Some("greedy".to_owned())));
    }
}
