//! What a book knows about commands that were decided before.

use crate::{fingerprint::Fingerprint, outcome::Outcome};

/// A stored outcome, for the detection of replays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The fingerprint of the command. `None` for derived references.
    pub fingerprint: Option<Fingerprint>,
    /// The outcome of the command.
    pub outcome: Outcome,
}
