//! The tests of the filter, with the library's parser as the reference.

mod agreement;
mod bounds;
mod chunks;
mod cost;
mod samples;
mod sender;
mod socket;

use amq_protocol::frame::{AMQPFrame, parse_frame};
use amq_protocol::types::AMQPValue;

use super::filter::Filter;
use crate::contract::headers::UNREADABLE;

/// Whether the library can parse a complete frame.
fn is_parsed(frame: &[u8]) -> bool {
    matches!(parse_frame(frame), Ok((rest, _)) if rest.is_empty())
}

/// All frames of a stream. Panics at a frame that the library cannot parse.
fn frames(mut bytes: &[u8]) -> Vec<AMQPFrame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (rest, frame) = parse_frame(bytes).expect("a frame that the library can parse");
        frames.push(frame);
        bytes = rest;
    }
    frames
}

/// The reason why a frame was replaced, if it was.
fn reason(frame: &AMQPFrame) -> Option<String> {
    let AMQPFrame::Header(_, header) = frame else {
        return None;
    };
    match header
        .properties
        .headers()
        .as_ref()?
        .inner()
        .get(UNREADABLE)?
    {
        AMQPValue::LongString(reason) => Some(reason.to_string()),
        other => panic!("{other:?}"),
    }
}

/// The output of the filter for these chunks.
fn filtered<'a>(filter: &mut Filter, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut passed = Vec::new();
    for chunk in chunks {
        let mut bytes = filter.take_held();
        bytes.extend(chunk);
        let count = filter.feed(&bytes);
        passed.extend(&bytes[..count]);
        passed.extend(filter.take_spilled());
    }
    passed
}
