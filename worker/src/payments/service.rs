//! Receives events, publishes their commands and keeps what became of them.
//!
//! An event is stored before it is mapped, and its links are stored after its commands were
//! confirmed. So of an event that waits for a link and the event that brings it, whichever comes
//! last finds the other.

use std::collections::VecDeque;

use chrono::Utc;
use producer_sdk::Command;
use tracing::{info, warn};

use super::{
    Event, LinkKey, PaymentRules, Provider,
    mapped::{GRANT_PENDING, Links, Mapped},
    mapping,
    tables::{self, Outcome, Stored, StoredStatus},
};
use crate::db::{Database, StoreError};

/// How often an event is mapped again at once, because a link came meanwhile.
const MAX_ATTEMPTS: usize = 3;

/// Publishes commands with confirms.
pub trait Publish: Sync {
    /// Why a command was not confirmed.
    type Error: Send;

    /// Returns after the confirm of the queue.
    fn publish(&self, command: &Command) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Why an event was not finished. It is stored, or can be sent again.
#[derive(Debug)]
pub enum ServiceError<E> {
    /// The database.
    Store(StoreError),
    /// The queue did not confirm a command.
    Publish(E),
    /// A refund has no grant yet: its event, or one that waited for this event.
    GrantPending,
}

impl<E> From<StoreError> for ServiceError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Receives an event: stores it, maps it, and publishes its commands. Returns what became of it.
pub async fn receive<P: Publish>(
    db: &Database,
    rules: &PaymentRules,
    event: &Event,
    body: &str,
    publish: &P,
) -> Result<StoredStatus, ServiceError<P::Error>> {
    tables::receive(db, event, body, Utc::now()).await?;
    replay(db, rules, event.provider, &event.id, publish).await
}

/// Maps a stored event again unless it is finished, and then the events that waited for its links.
/// Returns what became of it; an event that is not stored counts as received.
///
/// The events that wait are looked for also if the event is applied already: the process may have
/// ended before they were. An error of one of them does not stop the others.
pub async fn replay<P: Publish>(
    db: &Database,
    rules: &PaymentRules,
    provider: Provider,
    event_id: &str,
    publish: &P,
) -> Result<StoredStatus, ServiceError<P::Error>> {
    let Some(stored) = tables::find(db, provider, event_id).await? else {
        return Ok(StoredStatus::Received);
    };
    let mut failed = None;
    let status = match stored.status {
        StoredStatus::Applied => StoredStatus::Applied,
        status if status.is_final() => return Ok(status),
        _ => {
            let done = process(db, rules, &stored, publish).await?;
            if done.is_pending {
                return Err(ServiceError::GrantPending);
            }
            done.status
        }
    };
    let mut queue = VecDeque::new();
    if status == StoredStatus::Applied {
        queue.extend(waiting(db, rules, &stored).await?);
    }
    while let Some(id) = queue.pop_front() {
        match wake(db, rules, provider, &id, publish).await {
            Ok(woken) => queue.extend(woken),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(status), Err)
}

/// Maps an event that waited. Returns the events that wait for its links.
async fn wake<P: Publish>(
    db: &Database,
    rules: &PaymentRules,
    provider: Provider,
    event_id: &str,
    publish: &P,
) -> Result<Vec<String>, ServiceError<P::Error>> {
    let stored = tables::find(db, provider, event_id).await?;
    let Some(stored) = stored.filter(|stored| !stored.status.is_final()) else {
        return Ok(Vec::new());
    };
    let done = process(db, rules, &stored, publish).await?;
    if done.is_pending {
        Err(ServiceError::GrantPending)
    } else if done.status == StoredStatus::Applied {
        waiting(db, rules, &stored).await
    } else {
        Ok(Vec::new())
    }
}

/// The events that wait for the links that an applied event brought.
async fn waiting<E>(
    db: &Database,
    rules: &PaymentRules,
    stored: &Stored,
) -> Result<Vec<String>, ServiceError<E>> {
    let Ok(event) = Event::read(stored.provider, &stored.body) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for key in mapping::brought(&event, rules) {
        for id in tables::waiting(db, stored.provider, &key).await? {
            if !found.contains(&id) {
                found.push(id);
            }
        }
    }
    Ok(found)
}

/// What became of an event.
struct Done {
    status: StoredStatus,
    /// Whether it is a refund whose grant is not in the ledger yet.
    is_pending: bool,
}

/// Maps an event, publishes its commands and records what became of it.
async fn process<P: Publish>(
    db: &Database,
    rules: &PaymentRules,
    stored: &Stored,
    publish: &P,
) -> Result<Done, ServiceError<P::Error>> {
    let provider = stored.provider;
    let event = Event::read(provider, &stored.body);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (mapped, known) = match &event {
            Ok(event) => {
                let keys = mapping::keys(event, rules);
                let known = tables::load(db, provider, keys.clone()).await?;
                (mapping::map(event, rules, &known), Some((keys, known)))
            }
            // It was read when it was received.
            Err(_) => (Mapped::Ignored("unreadable"), None),
        };
        let outcome = outcome(db, provider, mapped, publish).await?;
        let was_open = tables::finish(db, stored, &outcome, Utc::now()).await?;
        if !was_open {
            // Another process has finished it meanwhile.
            let found = tables::find(db, provider, &stored.event_id).await?;
            return Ok(Done {
                status: found.map_or(outcome.status, |found| found.status),
                is_pending: false,
            });
        }
        if outcome.status == StoredStatus::Unmapped && attempt < MAX_ATTEMPTS {
            // The link may have come after it was looked for.
            if let Some((keys, before)) = known
                && is_newer(db, provider, keys, &before).await?
            {
                continue;
            }
        }
        log(stored, &outcome);
        return Ok(Done {
            status: outcome.status,
            is_pending: outcome.reason == Some(GRANT_PENDING),
        });
    }
}

async fn is_newer(
    db: &Database,
    provider: Provider,
    keys: Vec<LinkKey>,
    before: &Links,
) -> Result<bool, StoreError> {
    Ok(tables::load(db, provider, keys).await? != *before)
}

/// Publishes the commands of an event and stores its links.
async fn outcome<P: Publish>(
    db: &Database,
    provider: Provider,
    mapped: Mapped,
    publish: &P,
) -> Result<Outcome, ServiceError<P::Error>> {
    Ok(match mapped {
        Mapped::Commands {
            user,
            commands,
            links,
            detail,
        } => {
            for command in &commands {
                let published = publish.publish(command).await;
                published.map_err(ServiceError::Publish)?;
            }
            tables::put(db, provider, &links, Utc::now()).await?;
            let references = commands.into_iter().map(|command| command.reference_id);
            Outcome {
                user,
                detail,
                references: references.collect(),
                ..Outcome::new(StoredStatus::Applied)
            }
        }
        Mapped::Ignored(reason) => Outcome {
            reason: Some(reason),
            ..Outcome::new(StoredStatus::Ignored)
        },
        Mapped::Unmapped(unmapped) => Outcome {
            reason: Some(unmapped.reason),
            detail: unmapped.detail,
            waits_for: unmapped.waits_for,
            ..Outcome::new(StoredStatus::Unmapped)
        },
    })
}

fn log(stored: &Stored, outcome: &Outcome) {
    let (provider, kind) = (stored.provider.as_str(), stored.kind.as_str());
    let (event, status) = (stored.event_id.as_str(), outcome.status.as_str());
    let reason = outcome.reason;
    if outcome.status == StoredStatus::Unmapped {
        warn!(
            provider,
            kind, event, status, reason, "payment event not mapped"
        );
    } else {
        info!(provider, kind, event, status, reason, "payment event");
    }
}
