//! Settings of the connections to the database.

use std::time::Duration;

/// The clock that gives a transaction its booking time (`created_at`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BookingClock {
    /// The `now` of the caller at which a group is decided. Tests with their own clock need it.
    #[default]
    Caller,
    /// The clock of PostgreSQL. The statement that writes the transactions reads it, so a
    /// statement that arrives late is booked late: see `read::report::horizon`. On SQLite it is
    /// the clock of the caller, who reads it under the lock of the file.
    Database,
}

/// Settings of the store's connections.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The clock that gives a transaction its booking time.
    pub booking_clock: BookingClock,
    /// Maximum of open connections in each pool. A lane uses one, queries use another.
    pub max_connections: u32,
    /// Exact number of connections for committing on PostgreSQL, opened at the start. `None`:
    /// connections are opened on demand, up to `max_connections`.
    pub committing: Option<u32>,
    /// The database cancels a statement that runs longer.
    pub statement_timeout: Duration,
    /// Maximum wait for a connection from the pool.
    pub acquire_timeout: Duration,
    /// Maximum wait of SQLite for a write of another process.
    pub busy_timeout: Duration,
}

impl StoreOptions {
    /// Options for a worker with `shards` shards: one connection for committing for each lane, and
    /// one more that is on its way back into the pool.
    ///
    /// Opening a connection takes as long as committing many groups. More connections would each
    /// be used less often, and a connection that has been idle for a while is slower.
    #[must_use]
    pub const fn of_worker(self, shards: u32) -> Self {
        // One more lane takes the messages that were published to no shard.
        let needed = shards.saturating_add(2);
        let most = self.max_connections;
        Self {
            committing: Some(if needed < most { needed } else { most }),
            ..self
        }
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            booking_clock: BookingClock::Caller,
            max_connections: 8,
            committing: None,
            statement_timeout: Duration::from_secs(30),
            acquire_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// The use of a connection pool. It decides how PostgreSQL plans the statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The group commit: every statement looks up rows by index.
    Commit,
    /// Everything else: the planner makes a new plan for each execution.
    Read,
}
