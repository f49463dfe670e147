//! The Tokio runtime of the worker.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    num::NonZero,
    thread,
};

use tokio::runtime::{Builder, Runtime};

const VARIABLE: &str = "TOKIO_WORKER_THREADS";

/// A runtime with one thread per processor, except one processor: the AMQP library reads and writes
/// in threads of its own. The environment variable `TOKIO_WORKER_THREADS` overrides the number.
///
/// # Errors
///
/// `TOKIO_WORKER_THREADS` is not a number of threads, or the system cannot start the threads.
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

/// Why the runtime cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The variable is not a positive whole number. Tokio would panic.
    #[error("{VARIABLE} is {0:?}; allowed is a whole number from 1; unset it for the default")]
    Threads(OsString),
    /// The system cannot start the threads.
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
    fn one_processor_is_left_to_the_amqp_library_unless_it_is_the_only_one() {
        let threads: Vec<usize> = [1, 2, 3, 16].into_iter().map(threads).collect();
        assert_eq!(threads, [1, 1, 2, 15]);
    }
    /// Conformance: Embedded deployment: An environment variable that is set but empty stops every
    /// command, and each such variable is named
    #[test]
    fn an_invalid_number_of_threads_is_refused_with_the_name_of_the_variable() {
        assert_eq!(parse(OsStr::new("3")).ok(), Some(3));
        for text in ["", "0", "-1", "many"] {
            let error = parse(OsStr::new(text))
                .expect_err("no number of threads")
                .to_string();
            assert!(
                error.starts_with(&format!("{VARIABLE} is {text:?}")),
                "{error}"
            );
        }
    }
}
