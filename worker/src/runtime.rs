//! The threads that a worker works in.

use std::{env, io, num::NonZero, thread};

use tokio::runtime::{Builder, Runtime};

/// A runtime with a thread for each processor but one, since the AMQP library reads and writes in threads of its own.
/// `TOKIO_WORKER_THREADS` says otherwise.
///
/// # Errors
///
/// The system has no thread to give.
pub fn runtime() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if env::var_os("TOKIO_WORKER_THREADS").is_none() {
        builder.worker_threads(threads(thread::available_parallelism().map_or(1, NonZero::get)));
    }
    builder.enable_all().build()
}

fn threads(processors: usize) -> usize {
    processors.saturating_sub(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_left_to_the_amqp_library_unless_there_is_but_one() {
        let threads: Vec<usize> = [1, 2, 3, 16].into_iter().map(threads).collect();
        assert_eq!(threads, [1, 1, 2, 15]);
    }
}
