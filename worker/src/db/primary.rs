//! Follows the primary: moves the connections of a ledger to the server that has taken its place.

use std::{mem, sync::PoisonError};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Database, StoreError,
    connect::Servers,
    finder::{self, Found},
    guard::ServerReport,
    pace::{Change, EVERY, Pace},
    server::ServerIdentity,
    sockets,
};

impl Database {
    /// The primary with the highest timeline so far, and its changes: a new value means that the
    /// ledger is on another server, or on the same one after a promotion. `None` on SQLite, and if
    /// the server does not tell its timeline.
    pub fn server(&self) -> watch::Receiver<Option<ServerIdentity>> {
        self.guard.known()
    }

    /// The server of the connections, for health and metrics. `None` on SQLite.
    pub fn server_report(&self) -> Option<ServerReport> {
        self.servers.as_ref().map(|_| self.guard.report())
    }

    /// Completes when the database can be used again after an outage, maybe on another server.
    pub async fn available(&self) {
        let mut recoveries = self.guard.recoveries();
        // The guard lives as long as this store, so the wait does not fail.
        let _ = recoveries.changed().await;
    }

    /// Follows the primary until `stop` is cancelled: searches for it at regular intervals, and at
    /// once when the database does not answer as it should.
    pub async fn watch_server(self, stop: CancellationToken) {
        let Some(servers) = self.servers.clone() else {
            stop.cancelled().await;
            return;
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow(&servers) => {}
        }
    }

    async fn follow(&self, servers: &Servers) {
        let mut pace = Pace::new();
        loop {
            sleep(pace.pause(Instant::now())).await;
            if let Some(interval) = pace.interval() {
                tokio::select! {
                    () = self.guard.trouble() => {}
                    () = sleep(interval) => pace.quiet(),
                }
            }
            let (in_use, within) = (servers.current().name, pace.answer(Instant::now()));
            let search = finder::find(&servers.addresses, &self.guard, Some(&in_use), within);
            let (change, moved, error) = match search.await {
                Ok(found) => (pace.found(), self.move_to(servers, found), None),
                Err(not_found) => {
                    let reply = not_found.reply_of(&in_use);
                    let is_answering = self.guard.is_answering(EVERY);
                    let change = pace.failed(reply, is_answering, Instant::now());
                    (change, false, Some(StoreError::from(not_found)))
                }
            };
            let error = error.map(tracing::field::display);
            match change {
                Change::Recovered { is_logged } if !moved => {
                    self.guard.recovered();
                    if is_logged {
                        info!(server = in_use, "database server can be used again");
                    }
                }
                Change::Lost => warn!(error, "no database server can be used, searching"),
                Change::Unanswered => info!(
                    error,
                    "search for the primary fails, connections stay where they are"
                ),
                Change::Recovered { .. } | Change::Nothing => {}
            }
            self.guard.end_alarm();
        }
    }

    /// Moves all connections to a server. Returns `false` if they are there.
    fn move_to(&self, servers: &Servers, found: Found) -> bool {
        let Found {
            address, is_newer, ..
        } = found;
        let peers = address.peers.clone();
        let before = {
            let mut current = servers
                .current
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            mem::replace(&mut *current, address.clone())
        };
        let is_same = before.name == address.name;
        if is_same && !is_newer {
            return false;
        }
        if !is_same {
            for pool in [&self.commit, &self.read] {
                let pool = pool.get_postgres_connection_pool();
                pool.set_connect_options(address.options.clone());
            }
        }
        // A connection to a server that has vanished would wait for its answer for a minute. The
        // peers stay the same if an address in front of the servers leads to another one now. Then
        // every complete session is one of the old server: a session of the new one would have
        // shown the newer timeline before this search. So the connections are listed before the
        // move is announced, which opens new sessions, to the new server. A session that is being
        // opened meanwhile may lead to either, and is opened again.
        let mut gone = before.peers;
        gone.retain(|peer| is_same || !peers.contains(peer));
        let old = sockets::connections_to(&gone);
        self.guard.moved();
        let ended = sockets::end(old);
        let (server, before) = (address.name, before.name);
        info!(
            server,
            before, ended, "database connections moved to another server"
        );
        true
    }
}
