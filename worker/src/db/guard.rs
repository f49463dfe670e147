//! Keeps a ledger's connections on one server: the primary with the highest timeline.
//!
//! When an old primary comes back without being fenced, two servers accept writes. Commands that
//! the old one commits are lost. So each new connection is compared with the highest timeline that
//! this process has seen, and is closed if its server is outdated or belongs to another cluster.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::sqlx;
use strum::{IntoStaticStr, VariantArray};
use tokio::sync::{Notify, watch};
use tracing::{error, info};

use super::{
    replaced::Sessions,
    server::{ServerIdentity, ServerState},
};

/// How long an alarm lasts after the last sight of a server that must not be used.
const ALARM: Duration = Duration::from_secs(15);

/// Why connections to a server are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// The server accepts writes on an older timeline than one that was seen: an old primary that
    /// is not fenced.
    OldTimeline,
    /// The server belongs to another cluster than before.
    OtherCluster,
    /// The server is a standby, and the URL requires the primary.
    Standby,
}

impl Refusal {
    /// The name in metrics and in the log.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A server that must not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{server} {why}")]
pub(super) struct Refused {
    pub refusal: Refusal,
    server: String,
    why: String,
}

impl Refused {
    /// The reason and the advice, as a phrase that follows the name of the server.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl From<Refused> for sqlx::Error {
    fn from(refused: Refused) -> Self {
        Self::Protocol(refused.to_string())
    }
}

/// The server of a ledger's connections, for health and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerReport {
    /// The server with the highest timeline so far. `None` if the server does not tell it.
    pub identity: Option<ServerIdentity>,
    /// How many connections were refused, by reason.
    pub refused: Vec<(Refusal, u64)>,
    /// A server that must not be used and accepts writes. `None`: there was none lately.
    pub alarm: Option<String>,
}

/// The servers that the connections of one store may use. Clones share it.
#[derive(Clone)]
pub(super) struct ServerGuard(Arc<Inner>);

struct Inner {
    /// Whether connections to a standby are refused.
    primary_only: bool,
    sessions: Sessions,
    state: Mutex<State>,
    /// The highest timeline so far.
    known: watch::Sender<Option<ServerIdentity>>,
    /// Counts the moves to another server.
    moves: watch::Sender<u64>,
    /// Counts the moves, and the ends of outages.
    recoveries: watch::Sender<u64>,
    /// The database does not answer as it should.
    trouble: Notify,
}

#[derive(Default)]
struct State {
    refused: [u64; Refusal::VARIANTS.len()],
    /// The last sight of a server that must not be used.
    alarm: Option<(Instant, Refused)>,
    /// Whether the server refuses to tell its identity.
    untold: bool,
    /// The last answer over a connection in use. `None`: there was none since the last trouble.
    answered_at: Option<Instant>,
}

impl fmt::Debug for ServerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerGuard")
            .field("known", &*self.0.known.borrow())
            .finish_non_exhaustive()
    }
}

impl ServerGuard {
    /// A guard that replaces `sessions` when a server with a newer timeline appears.
    pub fn new(primary_only: bool, sessions: Sessions) -> Self {
        Self(Arc::new(Inner {
            primary_only,
            sessions,
            state: Mutex::default(),
            known: watch::Sender::new(None),
            moves: watch::Sender::new(0),
            recoveries: watch::Sender::new(0),
            trouble: Notify::new(),
        }))
    }

    /// The highest timeline so far, and its changes.
    pub fn known(&self) -> watch::Receiver<Option<ServerIdentity>> {
        self.0.known.subscribe()
    }

    /// Changes when the connections move to another server.
    pub fn moves(&self) -> watch::Receiver<u64> {
        self.0.moves.subscribe()
    }

    /// Changes when the database can be used again after an outage, and with each move.
    pub fn recoveries(&self) -> watch::Receiver<u64> {
        self.0.recoveries.subscribe()
    }

    /// Compares a server with the highest timeline so far, and remembers a higher one: then every
    /// open session is replaced. Returns whether it is higher.
    pub fn admit(&self, at: &str, state: &ServerState) -> Result<bool, Refused> {
        let compared = match state.identity {
            _ if state.standby && self.0.primary_only => {
                let why = "is a standby, which accepts no writes".to_owned();
                Err((Refusal::Standby, why))
            }
            Some(found) => self.compare(at, found),
            None => Ok(false),
        };
        let (refusal, why) = match compared {
            Ok(is_newer) => return Ok(is_newer),
            Err(refused) => refused,
        };
        let server = at.to_owned();
        let refused = Refused {
            refusal,
            server,
            why,
        };
        self.note(&refused);
        Err(refused)
    }

    fn compare(&self, at: &str, found: ServerIdentity) -> Result<bool, (Refusal, String)> {
        let mut before = None;
        let is_newer = self.0.known.send_if_modified(|known| {
            before = *known;
            let is_newer = known.is_none_or(|known| {
                known.system == found.system && found.timeline > known.timeline
            });
            if is_newer {
                *known = Some(found);
            }
            is_newer
        });
        let Some(known) = before else {
            return Ok(false);
        };
        let (now, timeline) = (known.timeline, found.timeline);
        if is_newer {
            self.0.sessions.replace();
            info!(
                timeline,
                before = now,
                server = at,
                "database server has a newer timeline"
            );
            return Ok(true);
        }
        if found.system != known.system {
            let (found, known) = (found.system, known.system);
            let why = format!(
                "belongs to the cluster {found}, and this process works with the cluster {known}; \
                 restart it to work with the other cluster"
            );
            return Err((Refusal::OtherCluster, why));
        }
        if timeline < now {
            let why = format!(
                "accepts writes on timeline {timeline}, but a server with timeline {now} has taken \
                 its place; stop (fence) the old primary"
            );
            return Err((Refusal::OldTimeline, why));
        }
        Ok(false)
    }

    /// Counts a refused connection. The first sight of a server that must not be used is logged as
    /// an alarm.
    fn note(&self, refused: &Refused) {
        let mut state = self.state();
        state.refused[refused.refusal as usize] += 1;
        if refused.refusal == Refusal::Standby {
            return;
        }
        let is_known = state
            .alarm
            .as_ref()
            .is_some_and(|(_, known)| known.refusal == refused.refusal);
        state.alarm = Some((Instant::now(), refused.clone()));
        drop(state);
        if !is_known {
            let (reason, error) = (refused.refusal.as_str(), refused.to_string());
            error!(
                alarm = true,
                reason, error, "connection to a wrong database server refused"
            );
        }
    }

    /// Ends an alarm whose cause was not seen for a while.
    pub fn end_alarm(&self) {
        let mut state = self.state();
        let ended = state.alarm.take_if(|(at, _)| at.elapsed() >= ALARM);
        drop(state);
        if let Some((_, refused)) = ended {
            info!(
                reason = refused.refusal.as_str(),
                "wrong database server is gone"
            );
        }
    }

    /// Remembers that the server does not tell its identity.
    pub fn set_untold(&self) {
        if !std::mem::replace(&mut self.state().untold, true) {
            info!("database server does not tell its timeline, split brain cannot be detected");
        }
    }

    /// Whether the server does not tell its identity.
    pub fn is_untold(&self) -> bool {
        self.state().untold
    }

    /// Announces that the connections have moved to another server: waits for the old one end.
    pub fn moved(&self) {
        self.0.sessions.replace();
        self.0.moves.send_modify(|moves| *moves += 1);
        self.recovered();
    }

    /// Announces that the database can be used again.
    pub fn recovered(&self) {
        self.0.recoveries.send_modify(|recoveries| *recoveries += 1);
    }

    /// Asks for a search for the primary.
    pub fn report_trouble(&self) {
        self.state().answered_at = None;
        self.0.trouble.notify_one();
    }

    /// Notes an answer over a connection in use.
    pub fn answered(&self) {
        self.state().answered_at = Some(Instant::now());
    }

    /// Whether the connections in use have answered within this time, and after the last trouble.
    pub fn is_answering(&self, within: Duration) -> bool {
        let answered_at = self.state().answered_at;
        answered_at.is_some_and(|at| at.elapsed() < within)
    }

    /// Completes when a search for the primary is needed.
    pub async fn trouble(&self) {
        self.0.trouble.notified().await;
    }

    /// The server, for health and metrics.
    pub fn report(&self) -> ServerReport {
        let state = self.state();
        let counts = Refusal::VARIANTS.iter().copied().zip(state.refused);
        let alarm = state.alarm.as_ref();
        ServerReport {
            identity: *self.0.known.borrow(),
            refused: counts.collect(),
            alarm: alarm
                .filter(|(at, _)| at.elapsed() < ALARM)
                .map(|(_, refused)| refused.to_string()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    const OLD: Duration = Duration::from_mins(1);

    fn primary(system: i64, timeline: u32) -> ServerState {
        ServerState {
            identity: Some(ServerIdentity { system, timeline }),
            standby: false,
            read_only: false,
        }
    }

    fn standby() -> ServerState {
        ServerState {
            identity: None,
            standby: true,
            read_only: true,
        }
    }

    #[test]
    fn a_newer_timeline_replaces_the_sessions_and_refuses_the_older_one() {
        let sessions = Sessions::default();
        let guard = ServerGuard::new(true, sessions.clone());
        guard.admit("a", &primary(7, 1)).expect("the first");
        guard.admit("a", &primary(7, 1)).expect("the same");
        assert!(sessions.is_current(OLD));
        assert!(guard.admit("b", &primary(7, 2)).expect("a newer one"));
        assert!(!sessions.is_current(OLD));
        let refused = guard.admit("a", &primary(7, 1)).expect_err("an older one");
        assert_eq!(refused.refusal, Refusal::OldTimeline);
        let report = guard.report();
        assert_eq!(report.refused[0], (Refusal::OldTimeline, 1));
        assert!(report.alarm.is_some_and(|alarm| alarm.contains("fence")));
        let known = *guard.known().borrow();
        assert_eq!(known.map(|known| known.timeline), Some(2));
    }

    #[test]
    fn another_cluster_is_refused_whatever_its_timeline() {
        let guard = ServerGuard::new(false, Sessions::default());
        guard.admit("a", &primary(7, 3)).expect("the first");
        for timeline in [1, 3, 9] {
            let refused = guard
                .admit("b", &primary(8, timeline))
                .expect_err("another");
            assert_eq!(refused.refusal, Refusal::OtherCluster);
        }
    }

    #[test]
    fn a_standby_is_refused_only_if_the_primary_is_required_and_raises_no_alarm() {
        let guard = ServerGuard::new(false, Sessions::default());
        guard.admit("a", &standby()).expect("any server");
        let guard = ServerGuard::new(true, Sessions::default());
        let refused = guard.admit("a", &standby()).expect_err("a standby");
        assert_eq!(refused.refusal, Refusal::Standby);
        assert_eq!(guard.report().alarm, None);
    }

    #[test]
    fn an_answer_counts_until_there_is_trouble() {
        let guard = ServerGuard::new(false, Sessions::default());
        assert!(!guard.is_answering(OLD));
        guard.answered();
        assert!(guard.is_answering(OLD) && !guard.is_answering(Duration::ZERO));
        guard.report_trouble();
        assert!(!guard.is_answering(OLD));
    }
}
