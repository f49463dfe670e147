//! The threads that a worker works in.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    num::NonZero,
    thread,
};

use tokio::runtime::{Builder, Runtime};

const VARIABLE: &str = "TOKIO_WORKER_THREADS";

/// A runtime with a thread for each processor but one, since the AMQP library reads and writes in threads of its own.
/// `TOKIO_WORKER_THREADS` says otherwise.
///
/// # Errors
///
/// `TOKIO_WORKER_THREADS` is not a number of threads, or the system has no thread to give.
pub fn runtime() -> Result<Runtime, RuntimeError> {
    let threads = match env::var_os(VARIABLE) {
        Some(text) => parse(&text)?,
        None => threads(thread::available_parallelism().map_or(1, NonZero::get)),
    };
    Ok(Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?)
}

/// Why no runtime could be made.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The variable is empty or no number. The library would panic.
    #[error("{VARIABLE} is {0:?}; allowed is a whole number from 1, or no such variable")]
    Threads(OsString),
    /// The system has no thread to give.
    #[error("cannot start the threads of the runtime")]
    Start(#[from] io::Error),
}

fn parse(text: &OsStr) -> Result<usize, RuntimeError> {
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    let threads: Option<NonZero<usize>> = parsed.and_then(NonZero::new);
    threads
        .map(NonZero::get)
        .ok_or_else(|| RuntimeError::Threads(text.to_owned()))
}

fn threads(processors: usize) -> usize {
    processors.saturating_sub(1).max(1)
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_left_to_the_amqp_library_unless_there_is_but_one() {
        let threads: Vec<usize> = [1, 2, 3, 16].into_iter().map(threads).collect();
        assert_eq!(threads, [1, 1, 2, 15]);
    }
    #[test]
    fn a_number_of_threads_that_is_empty_or_zero_is_refused_by_name() {
        assert_eq!(parse(OsStr::new("3")).ok(), Some(3));
        for text in ["", "0", "-1", "many"] {
            let error = parse(OsStr::new(text))
                .expect_err("no number of threads")
                .to_string();
            assert!(error.starts_with(&format!("{VARIABLE} is {text:?}")), "{error}");
        }
    }
}
