//! `[subscriptions]`: the grants of subscriptions that are on trial or past due.

use std::time::Duration;

use toml::Table;

use super::{duration, section::Section};

const LONGEST_GRACE: Duration = Duration::from_hours(90 * 24);

/// The grants of subscriptions that are on trial or past due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    /// Whether a trial is granted like a paid subscription.
    pub trial_grants: bool,
    /// Time after the due date of a payment during which a subscription is still granted.
    pub past_due_grace: Duration,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            trial_grants: true,
            past_due_grace: Duration::ZERO,
        }
    }
}

impl Subscriptions {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let grace = Duration::ZERO..=LONGEST_GRACE;
        let read = Self {
            trial_grants: section.word(
                "trial",
                &[("grant", true), ("wait", false)],
                default.trial_grants,
            ),
            past_due_grace: section.duration("past_due_grace", grace, default.past_due_grace),
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let trial = if self.trial_grants { "grant" } else { "wait" };
        Table::from_iter([
            ("trial".to_owned(), trial.into()),
            (
                "past_due_grace".to_owned(),
                duration::format(self.past_due_grace).into(),
            ),
        ])
    }
}
