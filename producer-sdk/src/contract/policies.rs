//! Limits on the broker for the messages and resources of one app: RabbitMQ policies, limits of
//! virtual hosts and users, and settings of the server.
//!
//! A policy can be changed at any time. An argument of a queue cannot.

use super::permissions::literally;
use super::topology::{Arg, REPLY_TTL_MILLIS, Topology};

/// The maximum size of a reply queue, in bytes. This is enough for two of the largest answers.
/// Beyond it the oldest reply is dropped.
const REPLY_BYTES: i64 = 4 << 20;
/// The time after which a reply queue without a reader is deleted: ten times the lifetime of a
/// reply.
const REPLY_QUEUE_EXPIRES_MILLIS: i64 = 10 * REPLY_TTL_MILLIS as i64;
/// The maximum number of dead letters. `DEAD_LETTER_BYTES` is enough for 10,000 of the largest
/// size. From that number on, workers keep no rejected messages of apps.
const DEAD_LETTERS: i64 = 100_000;
const DEAD_LETTER_BYTES: i64 = 1 << 30;

/// The limits of a virtual host, by RabbitMQ's names.
pub const VHOST_LIMITS: [(&str, i64); 2] = [("max-connections", 1_000), ("max-queues", 10_000)];
/// The limits of the user of an app or a bridge, by RabbitMQ's names.
pub const USER_LIMITS: [(&str, i64); 2] = [("max-channels", 1_000), ("max-connections", 100)];
/// Settings for `rabbitmq.conf`.
pub const BROKER_SETTINGS: [(&str, &str); 3] = [
    ("max_message_size", "2097152"),
    ("vm_memory_high_watermark.relative", "0.6"),
    ("disk_free_limit.absolute", "2GB"),
];

/// A RabbitMQ policy for queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The name of the policy.
    pub name: String,
    /// A regular expression that matches the names of queues.
    pub pattern: String,
    /// The definition, by RabbitMQ's names.
    pub definition: Vec<(&'static str, Arg)>,
}

impl Policy {
    /// The priority of all policies here. It is higher than that of policies which an operator may
    /// have for all queues.
    pub const PRIORITY: i64 = 10;
}

impl Topology {
    /// The policies of a namespace. The policy for reply queues applies to all namespaces of the
    /// virtual host.
    pub fn policies(&self) -> [Policy; 4] {
        let namespace = literally(self.namespace());
        // The broker applies one policy to a queue, so the policy of the dead letters has this
        // entry as well.
        let spread = ("queue-leader-locator", Arg::Str("balanced".to_owned()));
        let placement = Policy {
            name: format!("{}.placement", self.namespace()),
            pattern: format!(
                "^{namespace}[.](commands[.][0-9]+|delay|jobs|ledger|positions|queries|retained|\
                 unrouted)$"
            ),
            definition: vec![spread.clone()],
        };
        let replies = Policy {
            name: format!("{}.replies", self.namespace()),
            pattern: "^(amq[.]gen-|amq_[0-9a-f]{32}$|spring[.]gen-)".to_owned(),
            definition: [("expires", Arg::Int(REPLY_QUEUE_EXPIRES_MILLIS))]
                .into_iter()
                .chain(reply_limits())
                .collect(),
        };
        // These queues are not deleted: an operator has declared them, and their account could not
        // declare them again.
        let account_replies = Policy {
            name: format!("{}.account-replies", self.namespace()),
            pattern: format!("^{namespace}[.]reply[.]"),
            definition: reply_limits().to_vec(),
        };
        // No dead letter is dropped. Beyond the limit the broker refuses new ones, and lanes wait.
        let dead = Policy {
            name: self.dead(),
            pattern: format!("^{namespace}[.]dead$"),
            definition: vec![
                ("max-length", Arg::Int(DEAD_LETTERS)),
                ("max-length-bytes", Arg::Int(DEAD_LETTER_BYTES)),
                ("overflow", Arg::Str("reject-publish".to_owned())),
                spread,
            ],
        };
        [placement, replies, account_replies, dead]
    }
}

/// The definition for every reply queue.
fn reply_limits() -> [(&'static str, Arg); 3] {
    [
        ("max-length-bytes", Arg::Int(REPLY_BYTES)),
        ("message-ttl", Arg::Int(REPLY_TTL_MILLIS.into())),
        ("overflow", Arg::Str("drop-head".to_owned())),
    ]
}
