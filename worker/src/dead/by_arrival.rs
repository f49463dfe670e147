//! Letters in the order in which their messages first arrived, with few of them in memory.
//!
//! A queue is read from its head to its tail, and its letters stand there in the order in which they were set aside. The
//! order of arrival is known beforehand, as a list of instants; so a letter goes on its way as soon as all earlier ones
//! have, and is held in memory until then. Letters that do not fit there are left for another reading of the queue, the
//! latest arrivals first.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// When letters arrived, told in the order of the queue.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    latest: DateTime<Utc>,
}

impl Arrivals {
    /// No letter counts as earlier than `from`, if nobody knows when it arrived.
    pub const fn from(from: DateTime<Utc>) -> Self {
        Self { latest: from }
    }

    /// When the next letter of the queue arrived. One of which that is not known goes behind all that stand before it.
    pub fn next(&mut self, first_seen: Option<DateTime<Utc>>) -> DateTime<Utc> {
        self.latest = self.latest.max(first_seen.unwrap_or_default());
        first_seen.unwrap_or(self.latest)
    }
}

/// What is held of one reading of the queue.
#[derive(Debug)]
pub struct ByArrival<'a, T> {
    /// When the letters arrived that have not gone yet, in order.
    expected: &'a [DateTime<Utc>],
    /// By arrival and, of one instant, by place in the queue.
    held: BTreeMap<(DateTime<Utc>, u64), (usize, T)>,
    /// Bytes that are held, and that may be.
    size: usize,
    most: usize,
    places: u64,
    /// From here on letters are left for the next reading.
    left_from: Option<DateTime<Utc>>,
}

impl<'a, T> ByArrival<'a, T> {
    /// Expects letters that arrived at these instants, in order; holds `most` bytes at a time.
    pub const fn new(expected: &'a [DateTime<Utc>], most: usize) -> Self {
        Self {
            expected,
            held: BTreeMap::new(),
            size: 0,
            most,
            places: 0,
            left_from: None,
        }
    }

    /// Holds a letter of so many bytes. Letters of one instant are held together, however large they are.
    pub fn hold(&mut self, arrived: DateTime<Utc>, size: usize, letter: T) {
        if self.left_from.is_some_and(|from| arrived >= from) {
            return;
        }
        self.held.insert((arrived, self.places), (size, letter));
        self.places += 1;
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

    /// The next letter, if all that arrived before it have gone.
    pub fn next(&mut self) -> Option<T> {
        let (arrived, _) = *self.held.first_key_value()?.0;
        match self.expected.first() {
            Some(expected) if *expected < arrived => return None,
            Some(expected) if *expected == arrived => self.expected = &self.expected[1..],
            _ => {}
        }
        self.pop()
    }

    /// The next letter when the queue has been read to its end: nothing earlier will come.
    pub fn pop(&mut self) -> Option<T> {
        let (_, (size, letter)) = self.held.pop_first()?;
        self.size -= size;
        Some(letter)
    }

    /// From which arrival on letters are left for another reading, if any are.
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

    /// Reads a queue of letters that arrived at these seconds again and again until all have gone; returns their order,
    /// how often it was read, and how many were held at most.
    fn replay(queue: &[i64], most: usize) -> (Vec<i64>, usize, usize) {
        let mut expected: Vec<_> = queue.iter().map(|second| at(*second)).collect();
        expected.sort();
        let (mut gone, mut readings, mut held_at_most) = (Vec::new(), 0, 0);
        let mut from = None;
        loop {
            readings += 1;
            let start = from.map_or(0, |from| expected.partition_point(|at| *at < from));
            let mut letters = ByArrival::new(&expected[start..], most);
            for second in queue {
                if from.is_none_or(|from| at(*second) >= from) {
                    letters.hold(at(*second), 1, *second);
                }
                held_at_most = held_at_most.max(letters.held.len());
                gone.extend(std::iter::from_fn(|| letters.next()));
            }
            gone.extend(std::iter::from_fn(|| letters.pop()));
            assert_eq!(letters.size, 0);
            from = letters.left_from();
            if from.is_none() {
                return (gone, readings, held_at_most);
            }
        }
    }

    #[test]
    fn letters_in_order_are_not_held() {
        let queue: Vec<i64> = (0..1000).collect();
        assert_eq!(replay(&queue, 10), (queue.clone(), 1, 1));
    }

    #[test]
    fn letters_out_of_order_go_in_order_in_one_reading_if_they_fit() {
        assert_eq!(replay(&[3, 1, 2, 5, 4], 2), (vec![1, 2, 3, 4, 5], 1, 2));
    }

    #[test]
    fn what_does_not_fit_goes_with_another_reading() {
        let queue: Vec<i64> = (0..10).rev().collect();
        let (gone, readings, held) = replay(&queue, 4);
        assert_eq!(gone, (0..10).collect::<Vec<_>>());
        assert_eq!((readings, held), (3, 4));
    }

    #[test]
    fn letters_of_one_instant_keep_their_places_and_are_held_together() {
        let expected = vec![at(1); 4];
        let mut letters = ByArrival::new(&expected, 2);
        for letter in ["a", "b", "c", "d"] {
            letters.hold(at(1), 1, letter);
        }
        let gone: Vec<_> = std::iter::from_fn(|| letters.next()).collect();
        assert_eq!((gone, letters.left_from()), (vec!["a", "b", "c", "d"], None));
    }

    #[test]
    fn a_letter_without_a_time_goes_behind_those_before_it() {
        let mut arrivals = Arrivals::default();
        let told: Vec<_> = [Some(at(5)), None, Some(at(3)), None, Some(at(9)), None]
            .into_iter()
            .map(|first_seen| arrivals.next(first_seen))
            .collect();
        assert_eq!(told, [at(5), at(5), at(3), at(5), at(9), at(9)]);
        assert_eq!(Arrivals::from(at(7)).next(None), at(7));
        assert_eq!(Arrivals::from(at(7)).next(Some(at(2))), at(2));
    }
}
