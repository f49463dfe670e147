//! What each kind of user may do on the broker, as RabbitMQ's permissions: regular expressions over names.
//!
//! A dot is written `[.]`: without a backslash, nobody between here and the broker has to escape one.

use std::collections::BTreeSet;

use super::topology::Topology;

/// Queues that the broker names itself; replies go there.
const REPLIES: &str = "amq[.]gen-.*";
/// What the broker calls the exchange without a name, which leads into every queue.
const DEFAULT_EXCHANGE: &str = "amq[.]default";
/// However many shards there are, were or will be.
const SHARDS: &str = "commands[.][0-9]+";

/// A kind of user on the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An app: spends and asks.
    App,
    /// A payment bridge or a back office: sells, grants, subscribes, freezes.
    Bridge,
    /// A worker: declares and serves; also whoever operates the ledger with the command line.
    Worker,
}

/// Names of exchanges and queues, as regular expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// What may be declared and deleted.
    pub configure: String,
    /// What may be written to.
    pub write: String,
    /// What may be read from.
    pub read: String,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::App, Self::Bridge, Self::Worker];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Bridge => "bridge",
            Self::Worker => "worker",
        }
    }
}

impl Topology {
    /// What a user of that kind needs, and no more. The same for any number of shards.
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
                let queues = queues.chain([self.ledger()]);
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

    /// `{ns}[.](a|b)`. Listed one by one, since another namespace may begin like this one.
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

/// Of what names are made of, only the dot means something else in a regular expression.
pub(super) fn literally(name: &str) -> String {
    name.replace('.', "[.]")
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_user_gets_the_names_it_needs_whatever_the_number_of_shards() {
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
            let everything = "till[.]v-1[.](commands[.][0-9]+|dead|delay|funding|internal|jobs|ledger|queries|unrouted|usage)";
            let worker = topology.permissions(Role::Worker);
            assert_eq!(worker.configure, format!("^(amq[.]gen-.*|{everything})$"));
            assert_eq!(worker.write, format!("^(amq[.]default|{everything})$"));
            assert_eq!(worker.read, worker.configure);
        }
    }
}
