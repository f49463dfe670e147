//! Commands that are published and awaited.

use super::{Home, Said};

/// Publishes a command and waits for its outcome, like a program.
pub fn publish(home: &Home, arguments: &[&str]) -> Said {
    home.scrip(&[&["--json", "publish"][..], arguments, &["--wait"][..]].concat())
}

/// Grants a user credits that never expire.
pub fn give(home: &Home, user: &str, amount: &str) -> Said {
    let grant = [
        "grant",
        "--user",
        user,
        "--reason",
        "promotion",
        "--amount",
        amount,
    ];
    publish(home, &grant).ok()
}
