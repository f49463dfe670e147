//! The stream that keeps a copy of every command, if retention is configured.

use std::time::Duration;

use super::topology::{Arg, Binding, QueueSpec, Topology};

/// The size of a segment of the stream, in bytes. The broker removes whole segments.
const SEGMENT_BYTES: i64 = 16 << 20;

impl Topology {
    /// The stream with a copy of every command: `{ns}.retained`. It exists only if retention is
    /// configured.
    pub fn retained(&self) -> String {
        self.name("retained")
    }

    /// The declaration of [`Self::retained`], which keeps a command at least for this time.
    pub fn retained_queue(&self, max_age: Duration) -> QueueSpec {
        let text = |key: &str, value: String| (key.to_owned(), Arg::Str(value));
        QueueSpec {
            name: self.retained(),
            args: vec![
                text("x-queue-type", "stream".to_owned()),
                text("x-max-age", format!("{}s", max_age.as_secs().max(1))),
                (
                    "x-stream-max-segment-size-bytes".to_owned(),
                    Arg::Int(SEGMENT_BYTES),
                ),
            ],
            durable: true,
        }
    }

    /// The bindings of [`Self::retained`]: those of the queues that lanes serve.
    ///
    /// They must be made after those of the queues: an exchange does not pass a command on to its
    /// alternate exchange if any queue takes it.
    pub fn retained_bindings(&self) -> Vec<Binding> {
        let commands = self.name("commands.");
        let mut bindings = self.bindings();
        bindings.retain(|binding| {
            binding.queue.starts_with(&commands) || binding.queue == self.unrouted()
        });
        for binding in &mut bindings {
            binding.queue = self.retained();
        }
        bindings
    }
}
