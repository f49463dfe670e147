//! The permissions of each kind of user on the broker, as RabbitMQ's regular expressions over
//! names.
//!
//! A dot is written as `[.]`. Without a backslash no shell or file format needs escaping.

use std::collections::BTreeSet;

use strum::{IntoStaticStr, VariantArray};

use super::topology::Topology;

/// The queues that the broker names. Replies go there.
const REPLIES: &str = "amq[.]gen-.*";
/// The broker's name for the default exchange, which leads to every queue.
const DEFAULT_EXCHANGE: &str = "amq[.]default";
/// The command queues of any number of shards.
const SHARDS: &str = "commands[.][0-9]+";

/// A kind of user on the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// An app: sends usage and queries.
    App,
    /// A payment bridge or a back office: sends purchases, grants, subscriptions and freezes.
    Bridge,
    /// A worker: declares the topology and serves the queues. Operators with the command line use
    /// it, too.
    Worker,
}

/// The permitted names of exchanges and queues, as regular expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Names that the user may declare and delete.
    pub configure: String,
    /// Names that the user may write to.
    pub write: String,
    /// Names that the user may read from.
    pub read: String,
}

impl Role {
    /// The name of the role.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Topology {
    /// The permissions that this kind of user needs, and no others. They are the same for any
    /// number of shards.
    pub fn permissions(&self, role: Role) -> Permissions {
        let sender = |exchanges: &[String]| Permissions {
            configure: format!("^{REPLIES}$"),
            write: format!("^{}$", self.any_of(exchanges)),
            read: format!("^{REPLIES}$"),
        };
        match role {
            Role::App => sender(&[self.usage(), self.queries()]),
            Role::Bridge => sender(&[self.funding()]),
            Role::Worker => {
                let exchanges = self.exchanges().into_iter().map(|exchange| exchange.name);
                let queues = self.queues().into_iter().map(|queue| queue.name);
                let queues = queues.chain([self.ledger(), self.retained()]);
                let everything = self.any_of(&exchanges.chain(queues).collect::<Vec<_>>());
                let served = format!("^({REPLIES}|{everything})$");
                Permissions {
                    configure: served.clone(),
                    write: format!("^({DEFAULT_EXCHANGE}|{everything})$"),
                    read: served,
                }
            }
        }
    }

    /// `{ns}[.](a|b)`. The names are listed one by one, because another namespace may begin like
    /// this one.
    fn any_of(&self, names: &[String]) -> String {
        let prefix = format!("{}.", self.namespace());
        let names = names
            .iter()
            .map(|name| name.strip_prefix(&prefix).unwrap_or(name));
        let patterns: BTreeSet<String> = names
            .map(|name| match name.split_once('.') {
                Some(("commands", _)) => SHARDS.to_owned(),
                _ => literally(name),
            })
            .collect();
        let patterns: Vec<String> = patterns.into_iter().collect();
        format!("{}({})", literally(&prefix), patterns.join("|"))
    }
}

/// Escapes a name for a regular expression. Of the characters in names, only the dot has another
/// meaning there.
pub(super) fn literally(name: &str) -> String {
    name.replace('.', "[.]")
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Conformance: Broker permissions and senders: Permissions give app, bridge and worker exactly
    /// the names they need, for any namespace and number of shards
    #[test]
    fn each_kind_of_user_gets_the_names_it_needs_for_any_number_of_shards() {
        for shards in [1, 64] {
            let topology = Topology::new("till.v-1", shards).expect("a good namespace");
            let app = topology.permissions(Role::App);
            assert_eq!(app.configure, "^amq[.]gen-.*$");
            assert_eq!(app.write, "^till[.]v-1[.](queries|usage)$");
            assert_eq!(app.read, "^amq[.]gen-.*$");
            let bridge = topology.permissions(Role::Bridge);
            assert_eq!(bridge.write, "^till[.]v-1[.](funding)$");
            assert_eq!(
                (bridge.configure, bridge.read),
                (app.configure.clone(), app.read.clone())
            );
            let everything = concat!(
                "till[.]v-1[.](commands[.][0-9]+|dead|delay|funding|internal|",
                "jobs|ledger|positions|queries|retained|unrouted|usage)",
            );
            let worker = topology.permissions(Role::Worker);
            assert_eq!(worker.configure, format!("^(amq[.]gen-.*|{everything})$"));
            assert_eq!(worker.write, format!("^(amq[.]default|{everything})$"));
            assert_eq!(worker.read, worker.configure);
        }
    }
}
