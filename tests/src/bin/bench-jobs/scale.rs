//! How much there is of everything.

use clap::Args;

// Without a doc comment: it would stand in the help instead of what the program does.
#[derive(Debug, Args)]
pub struct Scale {
    /// Users, each with a wallet and a subscription.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub subscriptions: u32,
    /// Subscriptions that are due.
    #[arg(long, default_value_t = 33_000)]
    pub due: u32,
    /// Active batches, spread over the users evenly.
    #[arg(long, default_value_t = 1_000_000)]
    pub batches: u32,
    /// Batches that lapsed more than a day ago.
    #[arg(long, default_value_t = 50_000)]
    pub lapsed: u32,
    /// Transactions of the user with the long history; at least as many as pages by number reach.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    pub history: u32,
}

impl Scale {
    /// Expects that it can be.
    pub fn check(&self) {
        assert!(
            self.due <= self.subscriptions,
            "there are more due subscriptions than subscriptions"
        );
        assert!(
            self.lapsed <= self.batches,
            "there are more lapsed batches than batches"
        );
    }
}
