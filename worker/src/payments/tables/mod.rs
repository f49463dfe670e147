//! The tables of payments: what providers sent, and what is known about their objects.

mod events;
mod links;
mod periods;
mod waits;

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, Value};

use crate::db::bulk;

pub use events::{
    Filter, OpenPosition, Outcome, Stored, StoredStatus, find, finish, list, open_events, receive,
};
pub use links::{NewLink, find_many, load, put, set};
pub use periods::{PaidSpan, paid_spans};
pub use waits::waiting;

fn optional_instant(backend: DbBackend, at: Option<DateTime<Utc>>) -> Value {
    match at {
        Some(at) => bulk::instant(backend, at),
        None if backend == DbBackend::Sqlite => None::<String>.into(),
        None => None::<DateTime<Utc>>.into(),
    }
}
