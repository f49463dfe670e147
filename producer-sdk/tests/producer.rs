//! The producer against a real broker.
#![cfg(feature = "amqp")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod broker;
mod producer {
    mod failures;
    mod publishing;

    use producer_sdk::Command;

    fn consume(number: usize) -> Command {
        Command::consume(format!("req-{number:06}"), "user_1", "google:chat")
    }

    fn expected(count: usize) -> Vec<String> {
        (0..count)
            .map(|number| consume(number).reference_id)
            .collect()
    }
}
