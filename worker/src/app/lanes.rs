//! The lanes of a worker, over one of the two transports.

use std::{future::pending, sync::Arc, time::Duration};

use super::{Shared, StartError};
use crate::{
    cache::Mirror,
    config::{Backend, Settings},
    monitor::{self, LOOK_EVERY},
    position::Positions,
    queries::StoreQueryHandler,
    store_ledger::StoreLedger,
    transport::amqp::{Drained, Inbound, InboundOptions, OtherLedger, SharedState},
    transport::embedded::{Embedded, EmbeddedOptions},
};

/// The running lanes.
#[derive(Debug)]
pub(super) enum Lanes {
    /// On a broker.
    Amqp(Inbound),
    /// On the queue in an SQLite file.
    Embedded(Embedded),
}

impl Lanes {
    /// Starts the lanes of `backend`. `mirror` receives the users whose balances have changed or
    /// were queried; `None` without Redis. `positions` remembers what is committed; `None` on a
    /// file.
    pub async fn start(
        settings: &Settings,
        backend: &Backend,
        shared: &Shared,
        mirror: Option<Mirror>,
        positions: Option<Positions>,
    ) -> Result<Self, StartError> {
        let (store, catalog) = (shared.store.clone(), shared.catalog.clone());
        match backend {
            Backend::Servers { amqp, .. } => {
                let topology = settings.topology()?;
                let options = InboundOptions {
                    group_max: settings.worker.group_max,
                    prefer: settings.worker.prefer.clone(),
                    look_every: Some(LOOK_EVERY),
                    ledger_id: shared.ledger_id,
                    clock: shared.clock.clone(),
                    senders: Arc::new(settings.senders.policy.clone()),
                    ..InboundOptions::new(amqp.expose(), topology, shared.worker.as_str())
                };
                let rules = catalog.rules.clone();
                let ledger = StoreLedger::new(store.clone(), rules, mirror.clone());
                let ledger = Arc::new(ledger.remembering(positions));
                let query_handler = Arc::new(StoreQueryHandler::new(store, catalog, mirror));
                Ok(Self::Amqp(Inbound::start(options, ledger, query_handler)?))
            }
            Backend::Embedded { .. } => {
                let options = EmbeddedOptions {
                    url: settings.ledger_url()?.expose().to_owned(),
                    worker: shared.worker.clone(),
                    group_max: settings.worker.group_max,
                    clock: shared.clock.clone(),
                };
                let embedded = Embedded::start(options, store, catalog).await?;
                Ok(Self::Embedded(embedded))
            }
        }
    }

    /// Completes when all lanes serve commands.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let (amqp, embedded) = match self {
            Self::Amqp(inbound) => (Some(inbound.ready()), None),
            Self::Embedded(embedded) => (None, Some(embedded.ready())),
        };
        async move {
            if let Some(ready) = amqp {
                ready.await;
            }
            if let Some(ready) = embedded {
                ready.await;
            }
        }
    }

    /// Like [`Self::ready`], but also completes if some lanes turned out to be unable to serve.
    pub fn tried(&self) -> impl Future<Output = ()> + Send + 'static {
        let (amqp, embedded) = match self {
            Self::Amqp(inbound) => (Some(inbound.tried()), None),
            Self::Embedded(embedded) => (None, Some(embedded.ready())),
        };
        async move {
            if let Some(tried) = amqp {
                tried.await;
            }
            if let Some(ready) = embedded {
                ready.await;
            }
        }
    }

    /// Completes if the namespace belongs to another ledger.
    pub fn refused(&self) -> impl Future<Output = OtherLedger> + Send + 'static {
        let refused = match self {
            Self::Amqp(inbound) => Some(inbound.refused()),
            Self::Embedded(_) => None,
        };
        async move {
            match refused {
                Some(refused) => refused.await,
                None => pending().await,
            }
        }
    }

    /// The state of the connection that receives job requests; not used on the embedded queue.
    pub fn job_state(&self) -> Arc<SharedState> {
        match self {
            Self::Amqp(inbound) => inbound.job_state(),
            Self::Embedded(_) => Arc::default(),
        }
    }

    /// A handle that reads the state of the lanes.
    pub fn watch(&self) -> monitor::Lanes {
        match self {
            Self::Amqp(inbound) => monitor::Lanes::Amqp(inbound.watch()),
            Self::Embedded(embedded) => monitor::Lanes::Embedded(embedded.watch()),
        }
    }

    /// Finishes the commands in progress and requeues the others. Returns whether that took at most
    /// `deadline`.
    pub async fn drain(self, deadline: Duration) -> bool {
        match self {
            Self::Amqp(inbound) => inbound.drain(deadline).await == Drained::Clean,
            Self::Embedded(embedded) => embedded.drain(deadline).await,
        }
    }
}
