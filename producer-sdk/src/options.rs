//! Settings of a [`Producer`](crate::Producer) or [`Client`](crate::Client).

use std::time::Duration;

use uuid::Uuid;

/// Settings of a producer or client. The defaults suit an app.
#[derive(Debug, Clone)]
pub struct Options {
    /// The prefix of the names of exchanges and queues. The embedded queue has no namespace.
    pub namespace: String,
    /// The maximum number of messages that are unconfirmed at once. For a client it is also the
    /// maximum number of open requests.
    pub window: usize,
    /// The behaviour when the window is full.
    pub when_full: WhenFull,
    /// The time within which a message must be confirmed, including reconnects and retries.
    pub confirm_timeout: Duration,
    /// The time that a client waits for a reply.
    pub deadline: Duration,
    /// The time that a connection to one address of the broker may take. The first connection fails
    /// if no address answers in that time; later connections are retried without a limit.
    pub connect_timeout: Duration,
    /// The name of the connection in the broker's management.
    pub connection_name: String,
    /// Whether each message names the user of the URL as its sender, in the AMQP property
    /// `user_id`. The broker verifies the sender, and the ledger stores it.
    ///
    /// Set this to `false` if the broker knows the connection by another name than the URL, for
    /// example with OAuth 2. Otherwise the broker refuses every message. The setting has no effect
    /// on the embedded queue and with `auth_mechanism=external`.
    pub name_sender: bool,
    /// The id of the ledger to which the namespace must belong. Only workers set it: each of their
    /// connections that publishes compares it with the one on the broker.
    #[doc(hidden)]
    pub ledger_id: Option<Uuid>,
}

/// The behaviour when the window is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Waits until the window has space.
    Block,
    /// Waits for this time, then returns an error for which
    /// [`Error::is_timeout`](crate::Error::is_timeout) holds.
    Timeout(Duration),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: "credits".to_owned(),
            window: 1000,
            when_full: WhenFull::Block,
            confirm_timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            connection_name: "scrip-producer".to_owned(),
            name_sender: true,
            ledger_id: None,
        }
    }
}
