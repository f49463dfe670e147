//! The composition root: it builds a worker from its settings, starts it and drains it.
//!
//! | file | content |
//! |---|---|
//! | `service` | the worker as a whole |
//! | `lanes` | the lanes over one of the two transports |
//! | `jobs` | the scheduler and the job runner |
//! | `name` | the names of the worker and of its machine |
//! | `error` | why a worker cannot start |

mod error;
mod jobs;
mod lanes;
mod name;
mod service;

use std::sync::Arc;

use uuid::Uuid;

pub use error::StartError;
pub use name::{host_name, worker_name};
pub use service::Service;

use crate::{cache::Redis, catalog::Catalog, clock::Clock, store::Store};

/// The parts that lanes, jobs and monitoring share.
#[derive(Clone, Debug)]
struct Shared {
    /// The name of this worker, which no other worker has.
    worker: String,
    store: Store,
    catalog: Arc<Catalog>,
    clock: Clock,
    /// `None` without Redis.
    redis: Option<Redis>,
    /// The id of the ledger, to compare it with the one on the broker; `None` on the embedded
    /// default.
    ledger_id: Option<Uuid>,
}
