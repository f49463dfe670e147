//! The signals SIGTERM and SIGINT, which ask a command to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::{Doing, Failure};

/// The exit code after a second signal.
const ENDED: i32 = 130;

/// The listeners for SIGTERM and SIGINT.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to listen; signals no longer end the process.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).doing("listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).doing("listen for SIGINT")?,
        })
    }

    /// Waits for a signal and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Ends the process with exit code 130 at the next signal.
    pub fn end_at_next(mut self) {
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(ENDED);
        });
    }
}
