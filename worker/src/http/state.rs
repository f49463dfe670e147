//! What the requests share.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{counters::HttpCounters, publisher::Publisher, rate::RateLimits, tokens::TokenCache};
use crate::{
    clock::Clock, config, payments::PaymentRules, queries::StoreQueryHandler, store::Store,
};

/// Maximum of batches whose bodies are in memory at once.
const MAX_BATCHES: usize = 32;
/// Maximum of events of payment providers whose bodies are received at once.
const MAX_WEBHOOKS: usize = 64;

/// What the requests share. Clones share it, too.
#[derive(Clone, Debug)]
pub struct Api(pub Arc<Parts>);

/// The parts of the server that requests use.
#[derive(Debug)]
pub struct Parts {
    pub settings: config::Http,
    pub publisher: Publisher,
    pub payment_rules: PaymentRules,
    pub query_handler: StoreQueryHandler,
    pub store: Store,
    pub clock: Clock,
    pub tokens: TokenCache,
    pub rates: RateLimits,
    pub counters: HttpCounters,
    /// Permits for the bodies of batches.
    pub batches: Semaphore,
    /// Permits for the bodies of events of payment providers.
    pub webhooks: Semaphore,
    /// The account of the server on the broker, if references are unique per sender; empty if it
    /// names none.
    pub sender: Option<String>,
}

impl Parts {
    /// Permits for the bodies of batches.
    pub const fn batch_permits() -> Semaphore {
        Semaphore::const_new(MAX_BATCHES)
    }

    /// Permits for the bodies of events of payment providers.
    pub const fn webhook_permits() -> Semaphore {
        Semaphore::const_new(MAX_WEBHOOKS)
    }

    /// Maximum time to receive the body of a request.
    pub const fn request_timeout(&self) -> Duration {
        self.settings.request_timeout
    }
}
