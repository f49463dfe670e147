//! What commands may need of a wallet.

use std::collections::BTreeSet;

use ledger::{Action, Command};
use uuid::Uuid;

/// What commands may need of a wallet.
#[derive(Clone, Debug, Default)]
pub struct Need {
    /// Credits that they may take.
    pub credits: i64,
    /// Batches that fund holds.
    pub batches: BTreeSet<Uuid>,
}

/// The hold that a command names.
pub const fn named_hold(command: &Command) -> Option<&String> {
    match &command.action {
        Action::Capture(capture) => Some(&capture.hold),
        Action::Release(release) => Some(&release.hold),
        _ => None,
    }
}
