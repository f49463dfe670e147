//! Functions and traits of libraries that only a few files may use, because those files handle
//! their defects.

use testkit::sources;

struct Call {
    name: &'static str,
    within: &'static str,
    only_in: &'static [&'static str],
    instead: &'static str,
}

const CALLS: [Call; 3] = [
    // On PostgreSQL a transaction may stay open if the future that begins it is dropped. This does
    // not happen on SQLite, because its driver checks whether the future still exists.
    Call {
        name: "TransactionTrait",
        within: "worker/src",
        only_in: &[
            "worker/src/db/transaction.rs",
            "worker/src/transport/embedded",
        ],
        instead: "db::begin",
    },
    // A request for a channel while the connection ends never completes.
    Call {
        name: "create_channel",
        within: "producer-sdk/src",
        only_in: &["producer-sdk/src/amqp/connection.rs"],
        instead: "amqp::open_channel",
    },
    Call {
        name: "create_channel",
        within: "worker/src",
        only_in: &[],
        instead: "producer_sdk::amqp::open_channel",
    },
];

#[test]
fn restricted_functions_are_used_only_in_allowed_files() {
    let mut violations = Vec::new();
    let files = sources::files("rs");
    for Call {
        name,
        within,
        only_in,
        instead,
    } in CALLS
    {
        let inside = files.iter().filter(|file| file.path.starts_with(within));
        for file in inside.filter(|file| !file.is_test()) {
            if only_in.iter().any(|prefix| file.path.starts_with(prefix)) {
                continue;
            }
            let used = file.code().filter(|(_, line)| line.contains(name));
            violations.extend(
                used.map(|(number, _)| {
                    format!("{}:{number} uses {name}: use {instead}", file.path)
                }),
            );
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}
