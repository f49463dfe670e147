//! Random sequences of commands: every invariant holds after every step, what becomes of each command is what was
//! expected by other means, and groups of any size come to the same as one command after the other.
//!
//! `PROPTEST_CASES` sets the number of sequences (10,000 if absent).

use proptest::prelude::*;

use crate::properties::{Run, steps};

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_invariant_holds_after_every_command(
        start in steps::start(),
        steps in prop::collection::vec(steps::step(), 1..60),
    ) {
        Run::play(&start, steps)?;
    }
}
