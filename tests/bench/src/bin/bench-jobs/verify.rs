//! The verification of the whole ledger.

use crate::{
    fixture::Fixture,
    process::{self, Peak},
};

/// The measurement of `scrip verify`.
#[derive(Debug)]
pub struct Verified {
    pub wallets: u64,
    pub transactions: u64,
    pub seconds: f64,
    pub peak: Peak,
}

/// Runs `scrip verify`; panics if it finds a violation.
pub async fn run(fixture: &Fixture) -> Verified {
    let ended = process::run(&fixture.deployment, &["--json", "verify"]).await;
    let number = |name: &str| ended.printed[name].as_u64().expect("a number");
    assert_eq!(number("violationCount"), 0);
    Verified {
        wallets: number("usersChecked"),
        transactions: number("transactionsChecked"),
        seconds: ended.seconds,
        peak: ended.peak,
    }
}
