//! The decoding and encoding of messages, and the rejections of invalid bodies.

mod bodies;
mod encoding;
mod fields;
mod holds;
mod ids;
mod origins;
mod quantities;
mod refunds;
mod replies;
mod revocations;
mod topology;

use chrono::{DateTime, Utc};

use super::{Command, Rejection};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// A `consume` with these fields after the ids.
fn consume(rest: &str) -> String {
    format!(r#"{{"type":"consume","referenceId":"r","userId":"u"{rest}}}"#)
}

fn rejection(body: &str) -> Rejection {
    match Command::from_json(body.as_bytes()) {
        Ok(command) => panic!("{body} was taken as {command:?}"),
        Err(rejection) => rejection,
    }
}
