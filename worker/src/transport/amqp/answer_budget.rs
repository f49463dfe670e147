//! Limits the answer bytes of each sender. So the queries of one sender neither delay those of
//! others nor fill the memory of the broker with answers that it does not read.
//!
//! Each sender has a token bucket: it may use the bytes of some idle seconds at once. Senders that
//! do not name themselves share one bucket.

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

/// Size of a bucket, in seconds of the rate.
const BURST_SECONDS: f64 = 16.0;
/// An answer counts as at least this many bytes, because it also costs a read of the ledger.
const MIN_BYTES: u16 = 256;
/// Full buckets are removed when there are more buckets than this.
const MAX_BUCKETS: usize = 1_000;

/// The token buckets of all senders.
#[derive(Debug)]
pub struct AnswerBudget {
    bytes_per_second: f64,
    buckets: Mutex<HashMap<Option<String>, Bucket>>,
    refused: AtomicU64,
    reported: Mutex<ReportedSenders>,
}

/// The decision about a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The query is answered.
    Answer,
    /// The query gets a short refusal.
    Refuse,
    /// The query gets no answer, because refusals have used up the bytes, too.
    Drop,
}

/// The bytes that a sender may still use. Negative after a large answer and after refusals, but not
/// below the negative size of the bucket.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    bytes: f64,
    at: Instant,
}

impl AnswerBudget {
    /// A budget of `bytes_per_second` for each sender, on average.
    pub fn new(bytes_per_second: u32) -> Self {
        Self {
            bytes_per_second: bytes_per_second.into(),
            buckets: Mutex::default(),
            refused: AtomicU64::default(),
            reported: Mutex::default(),
        }
    }

    /// Decides about a query of this sender. A query that is not answered is counted, and its
    /// sender is logged once an hour.
    pub fn permit(&self, sender: Option<&str>, now: Instant) -> Permit {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.get(&sender.map(str::to_owned));
        let left = bucket.map_or(self.full(), |bucket| self.refilled(*bucket, now));
        drop(buckets);
        let permit = if left > 0.0 {
            Permit::Answer
        } else if left - f64::from(MIN_BYTES) >= -self.full() {
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
                    limit, "queries refused, sender exceeds its answer bytes per second"
                );
            }
        }
        permit
    }

    /// Takes the bytes of an answer from the bucket of its sender.
    pub fn take(&self, sender: Option<&str>, bytes: usize, now: Instant) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKETS {
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
        let bytes = bytes.max(MIN_BYTES.into()) as f64;
        *bucket = Bucket {
            bytes: (self.refilled(*bucket, now) - bytes).max(-self.full()),
            at: now,
        };
    }

    /// Number of queries that were not answered.
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

    /// Conformance: Broker permissions and senders: `senders.answer_bytes_per_second` limits the
    /// bytes of query answers for each sender
    #[test]
    fn a_sender_gets_the_bytes_of_16_seconds_at_once_and_then_the_rate() {
        let (budget, start) = (AnswerBudget::new(1_000), Instant::now());
        for taken in 0..16 {
            assert_eq!(
                budget.permit(A, start),
                Permit::Answer,
                "after {taken} answers"
            );
            budget.take(A, 1_000, start);
        }
        assert_eq!(budget.permit(A, start), Permit::Refuse);
        assert_eq!(budget.permit(A, start + SECOND), Permit::Answer);
        budget.take(A, 3_000, start + SECOND);
        let permit = budget.permit(A, start + SECOND * 3);
        assert_eq!(permit, Permit::Refuse, "2,000 bytes are owed");
        assert_eq!(budget.permit(A, start + SECOND * 4), Permit::Answer);
        assert_eq!(budget.refused(), 2);
    }

    /// Conformance: Broker permissions and senders: `senders.answer_bytes_per_second` limits the
    /// bytes of query answers for each sender
    #[test]
    fn refusals_count_too_and_stop_when_the_bucket_is_used_up_twice() {
        let (budget, start) = (AnswerBudget::new(1_000), Instant::now());
        budget.take(A, 16_000, start);
        budget.take(A, 15_000, start);
        assert_eq!(budget.permit(A, start), Permit::Refuse);
        budget.take(A, 1_000_000, start);
        assert_eq!(budget.permit(A, start), Permit::Drop);
        assert_eq!(budget.permit(A, start + SECOND * 16), Permit::Refuse);
        assert_eq!(budget.permit(A, start + SECOND * 17), Permit::Answer);
    }

    /// Conformance: Broker permissions and senders: `senders.answer_bytes_per_second` limits the
    /// bytes of query answers for each sender
    #[test]
    fn refusals_use_no_more_bytes_than_are_refilled() {
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
        // 10 seconds refill 10,000 bytes, and a refusal counts as 256.
        assert!((38..=39).contains(&refusals), "{refusals}");
    }

    /// Conformance: Broker permissions and senders: `senders.answer_bytes_per_second` limits the
    /// bytes of query answers for each sender
    #[test]
    fn senders_have_separate_buckets_and_nameless_senders_share_one() {
        let (budget, now) = (AnswerBudget::new(1_000), Instant::now());
        budget.take(A, 1_000_000, now);
        assert_eq!(budget.permit(A, now), Permit::Drop);
        assert_eq!(budget.permit(Some("b"), now), Permit::Answer);
        assert_eq!(budget.permit(None, now), Permit::Answer);
        budget.take(None, 1_000_000, now);
        assert_eq!(budget.permit(None, now), Permit::Drop);
        assert_eq!(budget.permit(Some("b"), now), Permit::Answer);
    }

    /// Conformance: Broker permissions and senders: `senders.answer_bytes_per_second` limits the
    /// bytes of query answers for each sender
    #[test]
    fn small_answers_count_as_256_bytes() {
        let (budget, now) = (AnswerBudget::new(32), Instant::now());
        budget.take(A, 1, now);
        assert_eq!(budget.permit(A, now), Permit::Answer);
        budget.take(A, 1, now);
        assert_eq!(budget.permit(A, now), Permit::Refuse);
    }

    #[test]
    fn full_buckets_are_removed_and_others_are_not() {
        let (budget, start) = (AnswerBudget::new(1_000), Instant::now());
        budget.take(Some("greedy"), 1_000_000, start);
        for nth in 0..MAX_BUCKETS * 2 {
            let milliseconds = u64::try_from(nth).unwrap();
            budget.take(
                Some(&nth.to_string()),
                1,
                start + Duration::from_millis(milliseconds),
            );
        }
        let buckets = budget.buckets.lock().unwrap();
        assert!(buckets.len() <= MAX_BUCKETS + 1, "{}", buckets.len());
        assert!(buckets.contains_key(&Some("greedy".to_owned())));
    }
}
