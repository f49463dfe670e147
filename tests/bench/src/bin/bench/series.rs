//! The values of a figure, one per round.

/// Values in the order of the rounds.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// A series with one value.
    pub fn new(value: f64) -> Self {
        Self(vec![value])
    }

    /// Adds the value of the next round.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// All values.
    pub fn all(&self) -> &[f64] {
        &self.0
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The median; NaN if there are no values.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else {
            return f64::NAN;
        };
        f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)])
    }

    /// The lowest and the highest value.
    pub fn range(&self) -> (f64, f64) {
        let fold = |pick: fn(f64, f64) -> f64| self.0.iter().copied().fold(f64::NAN, pick);
        (fold(f64::min), fold(f64::max))
    }

    /// Each value divided by the other series' value of the same round. Ratios that are NaN are
    /// left out.
    pub fn per(&self, other: &Self) -> Self {
        let ratios = self.0.iter().zip(&other.0).map(|(value, to)| value / to);
        Self(ratios.filter(|ratio| !ratio.is_nan()).collect())
    }
}
