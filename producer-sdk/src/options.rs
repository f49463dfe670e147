//! How a [`Producer`](crate::Producer) or [`Client`](crate::Client) behaves.

use std::time::Duration;

/// Options of a producer or client; the defaults suit an app.
#[derive(Debug, Clone)]
pub struct Options {
    /// The namespace that exchanges and queues are named by. The embedded queue has none.
    pub namespace: String,
    /// How many messages may be unconfirmed (and how many commands unanswered) at once.
    pub window: usize,
    /// What to do when the window is full.
    pub when_full: WhenFull,
    /// How long a message may stay unconfirmed, reconnects and retries included.
    pub confirm_timeout: Duration,
    /// How long a client waits for a reply.
    pub deadline: Duration,
    /// How long the first connection may take; later ones are tried again for ever.
    pub connect_timeout: Duration,
    /// The name that the broker shows for the connection.
    pub connection_name: String,
    /// Whether each message names the user of the URL as its sender (AMQP property `user_id`). The broker verifies it, and
    /// the ledger keeps it. Set this to `false` where the broker knows the connection by another name than the URL has,
    /// such as with OAuth 2: it would refuse every message. Without an effect on the embedded queue and with
    /// `auth_mechanism=external`.
    pub name_sender: bool,
}

/// What to do when the window is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait until there is room.
    Block,
    /// Wait that long, then give up with an error for which [`Error::is_timeout`](crate::Error::is_timeout) holds.
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
        }
    }
}
