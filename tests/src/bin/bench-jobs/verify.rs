//! The verification of everything that is there.

use crate::{
    process::{self, Peak},
    stage::Stage,
};

/// What was measured.
#[derive(Debug)]
pub struct Verified {
    pub wallets: u64,
    pub transactions: u64,
    pub seconds: f64,
    pub peak: Peak,
}

/// Runs `scrip verify`, which must find nothing.
pub async fn run(stage: &Stage) -> Verified {
    let ended = process::run(&stage.deployment, &["--json", "verify"]).await;
    let number = |name: &str| ended.printed[name].as_u64().expect("a number");
    assert_eq!(number("violationCount"), 0);
    Verified {
        wallets: number("usersChecked"),
        transactions: number("transactionsChecked"),
        seconds: ended.seconds,
        peak: ended.peak,
    }
}
