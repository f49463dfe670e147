//! Being asked to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::{Doing, Failure};

/// Exit code of a process that a second signal ended.
const ENDED: i32 = 130;

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).doing("listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).doing("listen for SIGINT")?,
        })
    }

    /// Waits for either; tells which.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// From now on the next signal ends the process at once.
    pub fn end_at_next(mut self) {
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(ENDED);
        });
    }
}
