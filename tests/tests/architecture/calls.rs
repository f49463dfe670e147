//! What the libraries offer and only one place may use, because it deals with what is wrong with it.

use crate::sources;

struct Call {
    what: &'static str,
    within: &'static str,
    only_in: &'static [&'static str],
    instead: &'static str,
}

const CALLS: [Call; 2] = [
    // A transaction of PostgreSQL may stay open when whoever begins it is called off. Not so on SQLite, whose driver
    // looks whether somebody still waits.
    Call {
        what: "TransactionTrait",
        within: "worker/src",
        only_in: &["worker/src/store/begin.rs", "worker/src/embedded"],
        instead: "store::begin",
    },
    // Whoever asks for a channel just when the connection ends is never answered.
    Call {
        what: "create_channel",
        within: "worker/src",
        only_in: &["worker/src/amqp/connection.rs"],
        instead: "amqp::connection::channel",
    },
];

#[test]
fn what_only_one_place_may_call_is_called_nowhere_else() {
    let mut offences = Vec::new();
    let files = sources::files("rs");
    for Call {
        what,
        within,
        only_in,
        instead,
    } in CALLS
    {
        let inside = files.iter().filter(|file| file.path.starts_with(within));
        for file in inside.filter(|file| !file.is_test()) {
            if only_in.iter().any(|place| file.path.starts_with(place)) {
                continue;
            }
            let used = file.code().filter(|(_, line)| line.contains(what));
            offences
                .extend(used.map(|(number, _)| format!("{}:{number} uses {what}: use {instead}", file.path)));
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}
