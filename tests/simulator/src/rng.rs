//! Random numbers that can be repeated.

/// A random number generator.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator with this seed. The same seed gives the same numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).expect("in order") + 1;
        low + i64::try_from(self.draw() % span).expect("small")
    }

    /// True with a probability of `of_ten_thousand` / 10,000.
    pub fn chance(&mut self, of_ten_thousand: i64) -> bool {
        self.between(1, 10_000) <= of_ten_thousand
    }

    /// A random element.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let last = i64::try_from(all.len()).expect("few") - 1;
        &all[usize::try_from(self.between(0, last)).expect("in range")]
    }

    /// A random number around `median`. It is multiplied or divided by 1.6 a random number of
    /// times, so values far from the median are rare.
    pub fn about(&mut self, median: i64) -> i64 {
        let mut amount = median;
        for _ in 0..8 {
            match self.between(0, 3) {
                0 => amount = amount * 8 / 5 + 1,
                1 => amount = amount * 5 / 8,
                _ => {}
            }
        }
        amount.max(1)
    }
}
