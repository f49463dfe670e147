//! Limits on the broker that bound what one app can make it keep: RabbitMQ's policies, limits of virtual hosts and users,
//! and settings of the server.
//!
//! A policy can be changed at any time; an argument of a queue cannot.

use super::permissions::literally;
use super::topology::{Arg, REPLY_TTL_MILLIS, Topology};

/// Reply queues hold this many bytes: two of the largest answers. Of more the oldest is dropped.
const REPLY_BYTES: i64 = 4 << 20;
/// A reply queue without a reader is deleted after ten times as long as a reply waits.
const REPLY_QUEUE_EXPIRES_MILLIS: i64 = 10 * REPLY_TTL_MILLIS as i64;
/// 10,000 dead letters of the largest size fit into the bytes. From that number on workers keep no rejected messages of apps.
const DEAD_LETTERS: i64 = 100_000;
const DEAD_LETTER_BYTES: i64 = 1 << 30;

/// What a virtual host may hold, by RabbitMQ's names.
pub const VHOST_LIMITS: [(&str, i64); 2] = [("max-connections", 1_000), ("max-queues", 10_000)];
/// What a user of an app or a bridge may open, by RabbitMQ's names.
pub const USER_LIMITS: [(&str, i64); 2] = [("max-channels", 1_000), ("max-connections", 100)];
/// Settings for `rabbitmq.conf`.
pub const BROKER_SETTINGS: [(&str, &str); 3] = [
    ("max_message_size", "2097152"),
    ("vm_memory_high_watermark.relative", "0.6"),
    ("disk_free_limit.absolute", "2GB"),
];

/// A policy for queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// A regular expression over names of queues.
    pub pattern: String,
    /// What holds for them, by RabbitMQ's names.
    pub definition: Vec<(&'static str, Arg)>,
}

impl Policy {
    /// Above those that an operator may have for all queues.
    pub const PRIORITY: i64 = 10;
}

impl Topology {
    /// The policies of a namespace. That for reply queues holds for those of all namespaces of the virtual host.
    pub fn policies(&self) -> [Policy; 3] {
        let namespace = literally(self.namespace());
        let replies = Policy {
            name: format!("{}.replies", self.namespace()),
            pattern: "^(amq[.]gen-|amq_[0-9a-f]{32}$|spring[.]gen-)".to_owned(),
            definition: [("expires", Arg::Int(REPLY_QUEUE_EXPIRES_MILLIS))]
                .into_iter()
                .chain(reply_limits())
                .collect(),
        };
        // An operator has declared them, and their account could not do so again.
        let of_accounts = Policy {
            name: format!("{}.account-replies", self.namespace()),
            pattern: format!("^{namespace}[.]reply[.]"),
            definition: reply_limits().to_vec(),
        };
        // Nothing is dropped from the dead letters: beyond the limit the broker refuses, and lanes wait.
        let dead = Policy {
            name: self.dead(),
            pattern: format!("^{namespace}[.]dead$"),
            definition: vec![
                ("max-length", Arg::Int(DEAD_LETTERS)),
                ("max-length-bytes", Arg::Int(DEAD_LETTER_BYTES)),
                ("overflow", Arg::Str("reject-publish".to_owned())),
            ],
        };
        [replies, of_accounts, dead]
    }
}

/// What holds for every reply queue.
fn reply_limits() -> [(&'static str, Arg); 3] {
    [
        ("max-length-bytes", Arg::Int(REPLY_BYTES)),
        ("message-ttl", Arg::Int(REPLY_TTL_MILLIS.into())),
        ("overflow", Arg::Str("drop-head".to_owned())),
    ]
}
