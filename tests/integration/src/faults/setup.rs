//! The parameters of a row.

/// The parameters of a row.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The number of command queues.
    pub shards: u32,
    /// The maximum number of commands in a group. Small groups give a fault more points to hit.
    pub group_max: u32,
    /// The commands per second of each producer.
    pub rate: u64,
    /// The heartbeat in seconds of the connections to the broker.
    pub heartbeat: u32,
    /// The connections that go through a relay.
    pub relays: &'static [Via],
    /// The folder of an SQLite file; `None` if the row runs on servers.
    pub file: Option<std::path::PathBuf>,
    /// Whether the workers use Redis.
    pub redis: bool,
    /// Whether the producers send over HTTP.
    pub http: bool,
    /// Additional environment variables of the workers.
    pub environment: Vec<(&'static str, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            shards: 1,
            group_max: 100,
            rate: 400,
            heartbeat: 20,
            relays: &[],
            file: None,
            redis: false,
            http: false,
            environment: Vec::new(),
        }
    }
}

/// A connection that goes through a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The connections from producers to the broker, or to the HTTP server.
    Producers,
    /// The connections from workers to the broker.
    Workers,
    /// The connections from workers to the database.
    Database,
}
