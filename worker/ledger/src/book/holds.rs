//! Holds that end by time. The first command that sees an expired hold closes it.

use chrono::{DateTime, Utc};

use super::Book;
use crate::{
    command::Command,
    decision::{Context, IdSource},
    hold,
    inconsistency::Inconsistency,
    posting::Posting,
    rules::Rules,
};

impl Book {
    /// Closes the holds that end before the decision of a command: those of its user that have
    /// expired. The hold of a capture that was sent in time stays open. Returns the new postings,
    /// which are expirations.
    ///
    /// # Errors
    /// Returns an error if rows contradict each other. The book must not be used any further then.
    pub fn close_holds(
        &mut self,
        command: &Command,
        rules: &Rules,
        now: DateTime<Utc>,
        ids: &mut dyn IdSource,
    ) -> Result<&[Posting], Inconsistency> {
        let before = self.postings.len();
        let mut context = Context {
            command,
            rules,
            now,
            at: command.effective_at(now, rules.max_lateness),
            ids,
        };
        let expired = self.close_ended(true, &mut context)?;
        self.postings.extend(expired);
        Ok(&self.postings[before..])
    }

    /// Closes the holds of the command's user that have expired, before or after its decision.
    /// Returns the expirations of credits that were returned to expired batches.
    pub(super) fn close_ended(
        &mut self,
        is_before: bool,
        context: &mut Context<'_>,
    ) -> Result<Vec<Posting>, Inconsistency> {
        match self.wallets.get_mut(&context.command.user_id) {
            Some(wallet) if wallet.has_ended_hold(context.now) || wallet.has_returned() => {
                hold::close_ended(wallet, is_before, context)
            }
            _ => Ok(Vec::new()),
        }
    }
}
