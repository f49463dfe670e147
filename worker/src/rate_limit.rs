//! Limits a sequence of actions to a number per second.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const NANOS: u64 = 1_000_000_000;

/// Waits until the `nth` action (counted from 0) of a sequence that started at `began` is due.
/// `rate` is in actions per second; without a rate the function returns at once.
pub async fn rate_limit(began: Instant, nth: u64, rate: Option<u32>) {
    if let Some(rate) = rate {
        let nanos = u128::from(NANOS) * u128::from(nth) / u128::from(rate.max(1));
        let after = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        sleep_until(began + after).await;
    }
}
