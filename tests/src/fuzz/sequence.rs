//! Sequences of commands against the core: what the property tests check, for sequences that a fuzzer makes.

use producer_sdk::contract::Reply;
use scrip::outcome;

use super::{bytes, properties::Run};

/// Plays a sequence; what the worker would answer can be read.
pub fn sequence(data: &[u8]) {
    let (start, steps) = bytes::read(data);
    match Run::play(&start, steps.clone()) {
        Ok(sent) => {
            for one in sent {
                let reply = Reply::Outcome(outcome::wire(&one.command, &one.decision));
                assert_eq!(Reply::from_json(&reply.to_json()).expect("a reply"), reply);
            }
        }
        Err(broken) => panic!("{broken}\n{start:?}\n{steps:#?}"),
    }
}
