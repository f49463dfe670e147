//! Sorts dead letters by the first arrival of their messages, with few of them in memory.
//!
//! A queue is read from head to tail, and its dead letters stand in the order in which they were
//! dead-lettered. The order of arrival is known in advance, as a list of instants. So a dead letter
//! is emitted as soon as all earlier ones are, and is held in memory until then. Dead letters that
//! do not fit into memory are left for another pass over the queue, starting with the latest
//! arrivals.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// Computes arrival times in the order of the queue.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    latest: DateTime<Utc>,
}

impl Arrivals {
    /// A dead letter with an unknown arrival counts as no earlier than `from`.
    pub const fn from(from: DateTime<Utc>) -> Self {
        Self { latest: from }
    }

    /// The arrival of the next dead letter of the queue. If it is unknown, the dead letter sorts
    /// behind all that precede it.
    pub fn next(&mut self, first_seen: Option<DateTime<Utc>>) -> DateTime<Utc> {
        self.latest = self.latest.max(first_seen.unwrap_or_default());
        first_seen.unwrap_or(self.latest)
    }
}

/// The dead letters that one pass over the queue holds in memory.
#[derive(Debug)]
pub struct ByArrival<'a, T> {
    /// Arrivals of the dead letters that are not emitted yet, in order.
    expected: &'a [DateTime<Utc>],
    /// Size and dead letter, by arrival and then by position in the queue.
    held: BTreeMap<(DateTime<Utc>, u64), (usize, T)>,
    /// Bytes that are held.
    size: usize,
    /// Largest number of bytes that may be held.
    most: usize,
    next_position: u64,
    /// Dead letters with this or a later arrival are left for the next pass.
    left_from: Option<DateTime<Utc>>,
}

impl<'a, T> ByArrival<'a, T> {
    /// Expects dead letters that arrived at these instants, in order, and holds at most `most`
    /// bytes.
    pub const fn new(expected: &'a [DateTime<Utc>], most: usize) -> Self {
        Self {
            expected,
            held: BTreeMap::new(),
            size: 0,
            most,
            next_position: 0,
            left_from: None,
        }
    }

    /// Holds a dead letter of `size` bytes. Dead letters of one instant are held together, even if
    /// they exceed the limit.
    pub fn hold(&mut self, arrived: DateTime<Utc>, size: usize, letter: T) {
        if self.left_from.is_some_and(|from| arrived >= from) {
            return;
        }
        self.held
            .insert((arrived, self.next_position), (size, letter));
        self.next_position += 1;
        self.size += size;
        while self.size > self.most
            && let Some(((first, _), _)) = self.held.first_key_value()
            && let Some(((last, _), _)) = self.held.last_key_value()
            && first < last
        {
            let last = *last;
            let left = self.held.split_off(&(last, 0));
            self.size -= left.values().map(|(size, _)| size).sum::<usize>();
            self.left_from = Some(last);
        }
    }

    /// The next dead letter, if all earlier arrivals are emitted.
    pub fn next(&mut self) -> Option<T> {
        let (arrived, _) = *self.held.first_key_value()?.0;
        match self.expected.first() {
            Some(expected) if *expected < arrived => return None,
            Some(expected) if *expected == arrived => self.expected = &self.expected[1..],
            _ => {}
        }
        self.pop()
    }

    /// The next dead letter after the queue has been read to its end: no earlier one will follow.
    pub fn pop(&mut self) -> Option<T> {
        let (_, (size, letter)) = self.held.pop_first()?;
        self.size -= size;
        Some(letter)
    }

    /// The arrival from which on dead letters are left for another pass; `None` if none are left.
    pub const fn left_from(&self) -> Option<DateTime<Utc>> {
        self.left_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap_or_default()
    }

    /// Passes over a queue of dead letters that arrived at these seconds until all are emitted.
    /// Returns their order, the number of passes, and the largest number of held dead letters.
    fn replay(queue: &[i64], most: usize) -> (Vec<i64>, usize, usize) {
        let mut expected: Vec<_> = queue.iter().map(|second| at(*second)).collect();
        expected.sort();
        let (mut emitted, mut passes, mut held_at_most) = (Vec::new(), 0, 0);
        let mut from = None;
        loop {
            passes += 1;
            let start = from.map_or(0, |from| expected.partition_point(|at| *at < from));
            let mut letters = ByArrival::new(&expected[start..], most);
            for second in queue {
                if from.is_none_or(|from| at(*second) >= from) {
                    letters.hold(at(*second), 1, *second);
                }
                held_at_most = held_at_most.max(letters.held.len());
                emitted.extend(std::iter::from_fn(|| letters.next()));
            }
            emitted.extend(std::iter::from_fn(|| letters.pop()));
            assert_eq!(letters.size, 0);
            from = letters.left_from();
            if from.is_none() {
                return (emitted, passes, held_at_most);
            }
        }
    }

    #[test]
    fn dead_letters_in_order_are_not_held() {
        let queue: Vec<i64> = (0..1000).collect();
        assert_eq!(replay(&queue, 10), (queue.clone(), 1, 1));
    }

    #[test]
    fn dead_letters_out_of_order_are_sorted_in_one_pass_if_they_fit() {
        assert_eq!(replay(&[3, 1, 2, 5, 4], 2), (vec![1, 2, 3, 4, 5], 1, 2));
    }

    #[test]
    fn dead_letters_that_do_not_fit_are_emitted_by_another_pass() {
        let queue: Vec<i64> = (0..10).rev().collect();
        let (emitted, passes, held) = replay(&queue, 4);
        assert_eq!(emitted, (0..10).collect::<Vec<_>>());
        assert_eq!((passes, held), (3, 4));
    }

    #[test]
    fn dead_letters_of_one_instant_keep_their_order_and_are_held_together() {
        let expected = vec![at(1); 4];
        let mut letters = ByArrival::new(&expected, 2);
        for letter in ["a", "b", "c", "d"] {
            letters.hold(at(1), 1, letter);
        }
        let emitted: Vec<_> = std::iter::from_fn(|| letters.next()).collect();
        assert_eq!(
            (emitted, letters.left_from()),
            (vec!["a", "b", "c", "d"], None)
        );
    }

    #[test]
    fn a_dead_letter_without_an_arrival_sorts_behind_those_before_it() {
        let mut arrivals = Arrivals::default();
        let computed: Vec<_> = [Some(at(5)), None, Some(at(3)), None, Some(at(9)), None]
            .into_iter()
            .map(|first_seen| arrivals.next(first_seen))
            .collect();
        assert_eq!(computed, [at(5), at(5), at(3), at(5), at(9), at(9)]);
        assert_eq!(Arrivals::from(at(7)).next(None), at(7));
        assert_eq!(Arrivals::from(at(7)).next(Some(at(2))), at(2));
    }
}
