//! Queries: parsed from the body of a message and answered from committed state, for every
//! transport.

mod handler;
mod store_handler;

pub use handler::{QueryHandler, answer, too_many_queries};
pub use store_handler::{StoreQueryHandler, can_purchase};
