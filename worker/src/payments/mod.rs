//! Payments: events of payment providers become commands of the ledger.
//!
//! | file | content |
//! |---|---|
//! | `signature` | whether the provider signed a body |
//! | `event`, `fields` | an event, and reading its JSON leniently |
//! | `stripe`, `creem` | what an event of the provider says, as a fact |
//! | `fact` | facts, the same for all providers |
//! | `rules` | the parts of the configuration that the mapping uses |
//! | `mapping` | from a fact, the rules and the known links to commands; pure |
//! | `refunds` | the same for refunds and disputes |
//! | `mapped` | links, and what becomes of an event |
//! | `money` | amounts and shares of money |
//! | `tables` | events and links in the database |
//! | `service` | receives events, publishes their commands, and keeps what became of them |
//! | `counters` | events by what became of them, for metrics |
//! | `export`, `reconcile` | an export of the provider, compared with the ledger |
//!
//! References follow from the provider's payment, subscription, refund or dispute, never from the
//! event. So events that are delivered again, in another order, or twice with other ids lead to the
//! same ledger.

pub mod counters;
mod creem;
mod event;
pub mod export;
mod fact;
mod fields;
mod mapped;
mod mapping;
mod money;
pub mod reconcile;
mod refunds;
mod rules;
pub mod service;
pub mod signature;
mod stripe;
pub mod tables;

use strum::{EnumString, IntoStaticStr, VariantArray};

pub use event::Event;
pub use fact::{LinkKey, LinkKind};
pub use rules::PaymentRules;

/// A payment provider.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Provider {
    Creem,
    Stripe,
}

impl Provider {
    /// The name in the table, in references and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Maximum size of the body of an event, in bytes.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
