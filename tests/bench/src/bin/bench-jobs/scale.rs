//! The size of the ledger.

use clap::Args;

// This struct has no doc comment, because clap would show it instead of the program's description.
#[derive(Debug, Args)]
pub struct Scale {
    /// Number of users, each with a wallet and a subscription
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub subscriptions: u32,
    /// Number of subscriptions that are due
    #[arg(long, default_value_t = 33_000)]
    pub due: u32,
    /// Number of active batches, distributed evenly over the users
    #[arg(long, default_value_t = 1_000_000)]
    pub batches: u32,
    /// Number of batches that expired more than a day ago
    #[arg(long, default_value_t = 50_000)]
    pub lapsed: u32,
    /// Number of transactions of the user with the long history; at least the number of rows that
    /// pages by number reach
    #[arg(long, default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(10_000..))]
    pub history: u32,
}

impl Scale {
    /// Panics unless the numbers are consistent.
    pub fn check(&self) {
        assert!(
            self.due <= self.subscriptions,
            "`--due` must not be greater than `--subscriptions`, got {} and {}",
            self.due,
            self.subscriptions
        );
        assert!(
            self.lapsed <= self.batches,
            "`--lapsed` must not be greater than `--batches`, got {} and {}",
            self.lapsed,
            self.batches
        );
    }
}
