//! What the worker can do now: commands, queries, jobs and publishing, each for itself. Only
//! commands decide whether the worker is ready.

use serde_json::{Value, json};

use crate::pipeline::{ConnectionState, Connections};

/// Names of all capabilities.
pub const NAMES: [&str; 4] = ["commands", "queries", "jobs", "publishing"];

/// The state of a capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    pub name: &'static str,
    /// `available`, `starting`, `unavailable` or `blocked`.
    pub state: &'static str,
    /// Why it is not available.
    pub reason: Option<String>,
}

impl Capability {
    /// A capability that is not available.
    pub fn not(name: &'static str, state: &'static str, reason: impl Into<String>) -> Self {
        Self {
            name,
            state,
            reason: Some(reason.into()),
        }
    }

    fn available(name: &'static str) -> Self {
        Self {
            name,
            state: "available",
            reason: None,
        }
    }

    /// Whether the worker has it now.
    pub fn is_available(&self) -> bool {
        self.reason.is_none()
    }

    /// The facts in a report.
    pub fn to_json(&self) -> Value {
        json!({ "ok": self.is_available(), "state": self.state, "reason": self.reason })
    }
}

/// The capabilities of a worker with these failed checks.
pub fn all(
    failed_checks: &[&'static str],
    connections: Option<&Connections>,
    has_database: bool,
) -> [Capability; 4] {
    let of_commands = |name| {
        if failed_checks.is_empty() {
            Capability::available(name)
        } else {
            let reason = format!("failed checks: {}", failed_checks.join(", "));
            Capability::not(name, "unavailable", reason)
        }
    };
    let Some(connections) = connections else {
        // One lane does everything on the embedded queue.
        return NAMES.map(of_commands);
    };
    [
        of_commands("commands"),
        receiving("queries", &connections.queries, has_database),
        receiving("jobs", &connections.jobs, has_database),
        publishing(connections),
    ]
}

/// A capability that receives over one connection and needs the database.
fn receiving(name: &'static str, link: &ConnectionState, has_database: bool) -> Capability {
    match connected(name, link) {
        Err(not) => not,
        Ok(()) if !has_database => {
            Capability::not(name, "unavailable", "the database does not answer")
        }
        Ok(()) => Capability::available(name),
    }
}

fn publishing(connections: &Connections) -> Capability {
    let name = "publishing";
    for (_, link) in connections.publishers() {
        if let Err(not) = connected(name, link) {
            return not;
        }
        if link.blocked_since.is_some() {
            let reason = "the broker blocks publishers, because it is short of memory or disk";
            return Capability::not(name, "blocked", reason);
        }
    }
    Capability::available(name)
}

fn connected(name: &'static str, link: &ConnectionState) -> Result<(), Capability> {
    match &link.error {
        Some(error) => Err(Capability::not(name, "unavailable", error.as_str())),
        None if link.connected => Ok(()),
        None => Err(Capability::not(name, "starting", "not connected yet")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn up() -> ConnectionState {
        ConnectionState {
            connected: true,
            ..ConnectionState::default()
        }
    }

    fn states(connections: &Connections, has_database: bool) -> [&'static str; 4] {
        all(&[], Some(connections), has_database).map(|capability| capability.state)
    }

    #[test]
    fn each_capability_fails_for_itself() {
        let mut connections = Connections {
            receiving: up(),
            queries: up(),
            publishing: up(),
            replies: up(),
            jobs: ConnectionState::default(),
        };
        assert_eq!(
            states(&connections, true),
            ["available", "available", "starting", "available"]
        );
        connections.jobs = up();
        assert_eq!(
            states(&connections, false),
            ["available", "unavailable", "unavailable", "available"]
        );
        connections.queries.error = Some("no queue".to_owned());
        connections.replies.blocked_since = Some(Instant::now());
        let all = all(&["lanes", "broker"], Some(&connections), true);
        let reasons: Vec<_> = all
            .iter()
            .filter_map(|capability| capability.reason.as_deref())
            .collect();
        assert_eq!(all[3].state, "blocked");
        assert_eq!(reasons[..2], ["failed checks: lanes, broker", "no queue"]);
        assert!(all[2].is_available());
    }

    #[test]
    fn the_embedded_queue_has_one_state_for_all() {
        for capability in all(&["worker"], None, true) {
            assert_eq!(capability.state, "unavailable", "{}", capability.name);
        }
    }
}
