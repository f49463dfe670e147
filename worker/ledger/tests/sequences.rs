//! Random sequences of commands. After every step all invariants hold and the result is the
//! expected one, which a separate model computes. Groups of any size lead to the same result as
//! single commands.
//!
//! `PROPTEST_CASES` sets the number of sequences. The default is 10,000.

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

    /// Conformance: Amounts, time and spending order: A batch is spendable at time `t` while `t <
    /// expires_at`
    /// Conformance: Amounts, time and spending order: Reported amounts, `insufficient_credits` and
    /// the cap use the spendable amount, not `balance`
    /// Conformance: Amounts, time and spending order: Credits are spent by earliest expiry
    /// (never-expiring last), then free before paid, then older, then smaller id
    /// Conformance: Amounts, time and spending order: Every gain and every use has signed
    /// allocations that record the remainder of each batch
    /// Conformance: Commands: `consume` takes an amount, or the price of the service times a
    /// quantity
    /// Conformance: Commands: A service without a price is refused by default, or costs
    /// `default_consumption` if that is a price
    /// Conformance: Commands: A `purchase` names a package, a price id or a number of credits, and
    /// opens the wallet
    /// Conformance: Commands: A payment is credited once, regardless of references, and each of its
    /// lines is credited once
    /// Conformance: Balance cap: A purchase above the cap is applied and flagged `overCap`
    /// Conformance: Invariants and verification: All invariants hold after every step of a random
    /// command sequence
    /// Conformance: Invariants and verification: Groups of any size produce the same result as
    /// commands applied one by one
    #[test]
    fn every_invariant_holds_after_every_command(
        start in steps::start(),
        steps in prop::collection::vec(steps::step(), 1..60),
    ) {
        Run::play(&start, steps)?;
    }
}
