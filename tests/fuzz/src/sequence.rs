//! The fuzz target for sequences of commands. It runs the checks of the core's property tests on
//! sequences that a fuzzer generates.

use producer_sdk::contract::Reply;
use scrip::outcome;

use super::{bytes, properties::Run};

/// Plays a sequence, and checks that every reply to its commands can be decoded.
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
