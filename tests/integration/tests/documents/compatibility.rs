//! The contract of the last release, compared with the contract of the program: a client of that
//! release must still work.
//!
//! `docs/reference/contract.txt` has one line for each field, parameter, message and queue. It is
//! written on purpose only, with a release: `SCRIP_WRITE_CONTRACT=1`.

mod amqp;
mod changes;
mod contract;
mod facts;
mod http;

use testkit::sources::root;

use super::{asyncapi, openapi};
use contract::Contract;

const BASELINE: &str = "docs/reference/contract.txt";
const HEAD: &str = "\
# The contract of the last release: what its clients may send (request), what they receive
# (response), and what may not change at all (fixed). `=` is a possible value, all else a rule.
# Written by tests/integration/tests/documents/compatibility.rs.
";

/// Conformance: Compatibility: A client of the last release works with this server: no endpoint,
/// field, value, message or queue that it knows is removed or narrowed
#[test]
fn a_client_of_the_last_release_still_works() {
    let current = Contract::from_documents(&openapi::document(), &asyncapi::document());
    let file = root().join(BASELINE);
    if std::env::var_os("SCRIP_WRITE_CONTRACT").is_some() {
        std::fs::write(&file, format!("{HEAD}{current}")).expect("the baseline can be written");
    }
    let text = std::fs::read_to_string(&file).expect("the baseline");
    let baseline: Contract = text.parse().expect("a baseline");
    assert!(baseline.len() > 300, "{} subjects", baseline.len());
    let broken = current.breaks(&baseline);
    assert!(
        broken.is_empty(),
        "these changes break clients of the last release: {broken:#?}\n\
         make the change compatible, or follow \"Breaking changes\" in CONTRIBUTING.md"
    );
}

#[test]
fn a_contract_is_read_as_it_was_written() {
    let current = Contract::from_documents(&openapi::document(), &asyncapi::document());
    let read: Contract = format!("{HEAD}{current}").parse().expect("a contract");
    assert!(read == current, "the written contract reads otherwise");
}
