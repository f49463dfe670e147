//! Finds the server to use among the addresses of a URL.
//!
//! All addresses are asked at the same time, each with a time limit of its own, so a silent one
//! hides no other. The first answer does not decide: the server with the highest timeline does.

use std::time::Duration;

use sea_orm::sqlx::{
    self, AssertSqlSafe, ConnectOptions as _, Connection, PgConnection, postgres::PgConnectOptions,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    addresses::{Address, Addresses},
    attempt::{Attempt, NotFound},
    guard::{Refusal, ServerGuard},
    server::{self, ServerState},
};

/// Longest wait for one of several addresses.
const EACH: Duration = Duration::from_secs(3);
/// How long the other addresses may still answer after a server was found. One of them may have a
/// higher timeline.
const SETTLE: Duration = Duration::from_secs(1);

/// A server that may be used.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub address: Address,
    state: ServerState,
    /// Its position in the URL.
    position: usize,
    /// Whether its timeline is newer than every one before.
    pub is_newer: bool,
}

impl Found {
    /// Whether this server is better than another one. A newer timeline is, then a server that
    /// accepts writes, then the one in use, then the earlier one in the URL.
    fn is_better_than(&self, other: &Self, in_use: Option<&str>) -> bool {
        let rank = |found: &Self| {
            (
                found.state.identity.map(|identity| identity.timeline),
                !found.state.standby,
                !found.state.read_only,
                in_use.is_some_and(|name| name == found.address.name),
                std::cmp::Reverse(found.position),
            )
        };
        rank(self) > rank(other)
    }
}

/// Finds the server to use. `in_use` is the name of the address in use, if there is one.
pub(super) async fn find(
    addresses: &Addresses,
    guard: &ServerGuard,
    in_use: Option<&str>,
    within: Duration,
) -> Result<Found, NotFound> {
    let is_first = guard.known().borrow().is_none();
    let all = addresses.resolve(within).await;
    let limit = if all.len() > 1 {
        within.min(EACH)
    } else {
        within
    };
    let mut asking = JoinSet::new();
    for (position, address) in all.into_iter().enumerate() {
        asking.spawn(async move {
            let asked = timeout(limit, ask(&address.options)).await;
            (position, address, asked)
        });
    }
    let mut best: Option<Found> = None;
    let mut failed = Vec::new();
    let mut settled = Instant::now();
    loop {
        let answer = tokio::select! {
            answer = asking.join_next() => answer,
            () = sleep_until(settled), if best.is_some() => None,
        };
        let Some(answer) = answer else { break };
        // A task that asks does not panic, and nothing aborts it here.
        let Ok((position, address, asked)) = answer else {
            continue;
        };
        let state = match asked {
            Ok(Ok(state)) => state,
            Ok(Err(error)) => {
                failed.push(Attempt::failed(address.name, &error));
                continue;
            }
            Err(_) => {
                failed.push(Attempt::silent(address.name, limit));
                continue;
            }
        };
        if state.standby && addresses.primary_only {
            failed.push(Attempt::standby(address.name));
            continue;
        }
        let admitted = guard.admit(&address.name, &state);
        if let Err(refused) = &admitted {
            let is_ambiguous = is_first && refused.refusal == Refusal::OtherCluster;
            failed.push(Attempt::refused(address.name, refused));
            if is_ambiguous {
                // Nothing says which of the clusters has the ledger.
                return Err(NotFound(failed));
            }
            continue;
        }
        let is_newer = admitted.is_ok_and(|is_newer| is_newer);
        if best.is_none() {
            settled = Instant::now() + SETTLE;
        }
        let found = Found {
            address,
            state,
            position,
            is_newer,
        };
        if best
            .as_ref()
            .is_none_or(|best| found.is_better_than(best, in_use))
        {
            best = Some(found);
        }
        if is_newer {
            break;
        }
    }
    best.ok_or(NotFound(failed))
}

/// Opens a connection, asks for the state of its server, and closes it.
async fn ask(options: &PgConnectOptions) -> Result<ServerState, sqlx::Error> {
    let mut connection = options.connect().await?;
    let asked = match fetch(&mut connection, server::COLUMNS).await {
        Err(error) if server::is_untold(&error) => {
            fetch(&mut connection, server::COLUMNS_WITHOUT_IDENTITY).await
        }
        asked => asked,
    };
    // The connection is dropped either way.
    let _ = connection.close().await;
    asked
}

async fn fetch(connection: &mut PgConnection, columns: &str) -> Result<ServerState, sqlx::Error> {
    let statement = AssertSqlSafe(format!("SELECT {columns}"));
    let row = sqlx::raw_sql(statement).fetch_one(connection).await?;
    ServerState::read(&row)
}
