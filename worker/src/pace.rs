//! Not more than so many a second.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const NANOS: u64 = 1_000_000_000;

/// Waits until it is the turn of the `nth` thing, from 0, of those that began at `began`; at once where no `rate` is said.
pub async fn pace(began: Instant, nth: u64, rate: Option<u32>) {
    if let Some(rate) = rate {
        let nanos = u128::from(NANOS) * u128::from(nth) / u128::from(rate.max(1));
        let after = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        sleep_until(began + after).await;
    }
}
