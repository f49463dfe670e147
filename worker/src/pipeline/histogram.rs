//! Counts values by size.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A histogram. Each value counts for the first bound that it does not exceed.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One counter per bound, and a last one for values above all bounds.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// An empty histogram. `bounds` are in ascending order.
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a value.
    pub(crate) fn observe(&self, value: u64) {
        let index = self.bounds.partition_point(|bound| *bound < value);
        self.counts[index].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// Sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }

    /// Each bound with the number of values that do not exceed it.
    pub fn up_to(&self) -> impl Iterator<Item = (u64, u64)> {
        self.bounds
            .iter()
            .zip(&self.counts)
            .scan(0, |all, (bound, count)| {
                *all += count.load(Relaxed);
                Some((*bound, *all))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_for_every_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(&[1, 10, 100]);
        for value in [1, 2, 10, 11, 1000] {
            histogram.observe(value);
        }
        let up_to: Vec<_> = histogram.up_to().collect();
        assert_eq!(up_to, [(1, 1), (10, 3), (100, 4)]);
        assert_eq!((histogram.count(), histogram.sum()), (5, 1024));
    }
}
