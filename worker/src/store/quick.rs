//! The quick way to commit a group: nothing is locked before it is decided, and nothing is read that is known.
//!
//! Who else writes a wallet is as a rule nobody, and a reference is as a rule new. So the group is decided from the wallets as
//! they were written last (`kept`), or as they are read now, and written by a single statement, which is a transaction of
//! its own, on condition that each wallet still has that version; that references and payments are new is left to unique
//! indexes. Where one of these does not hold nothing is written, and the group goes the careful way, which locks before it
//! looks.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ledger::{Action, Book, Command, Decision, Rules};
use sea_orm::{DatabaseConnection, DbBackend};
use uuid::Uuid;

use super::{
    Store, StoreError,
    kept::Kept,
    load::{Loader, covers},
    write::Writer,
};

/// What became of trying the quick way.
#[derive(Debug)]
pub(super) enum Quickly {
    /// The group is committed.
    Committed(Vec<Decision>),
    /// It needs a closer look; nothing was written.
    Declined,
    /// It was decided on what is not so any more; nothing was written.
    InVain,
}

impl Store {
    /// Commits a group unless that needs a closer look; then nothing has happened. SQLite has but one writer, who has the file
    /// to himself anyway.
    pub(super) async fn commit_quickly(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Quickly, StoreError> {
        let is_possible = self.backend() == DbBackend::Postgres && commands.iter().all(is_plain);
        if !is_possible || !self.keeper().is_confident() {
            return Ok(Quickly::Declined);
        }
        match self.decide_and_write(commands, rules, now).await {
            Ok(Some(decisions)) => Ok(Quickly::Committed(decisions)),
            Ok(None) => Ok(Quickly::Declined),
            Err(error) if is_in_vain(&error) => {
                self.keeper().failed();
                Ok(Quickly::InVain)
            }
            Err(error) => Err(error),
        }
    }

    async fn decide_and_write(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<Decision>>, StoreError> {
        let loader = Loader {
            connection: &self.commit,
            patience: self.patience,
            rules,
            now,
        };
        let Some((mut book, partial)) = self.open_book(&loader, commands).await? else {
            return Ok(None);
        };
        if rules.enabled && book.is_due(now) {
            return Ok(None);
        }
        let mut decisions = Vec::with_capacity(commands.len());
        for command in commands {
            let decision = book.decide(command, rules, now, &mut Uuid::now_v7)?;
            if !is_recorded(&decision) {
                return Ok(None);
            }
            decisions.push(decision);
        }
        let mut changes = book.into_changes();
        let writer = Writer {
            connection: &self.commit,
            patience: self.patience,
            booking_clock: self.booking_clock,
            now,
        };
        writer.write_unless_stale(&mut changes).await?;
        let kept = changes.wallets.into_iter().filter_map(|mut wallet| {
            let whole = !partial.contains(&wallet.user_id);
            // Where a new batch belongs among those that were not read nobody knows.
            if !whole && wallet.batches().iter().any(|batch| batch.new) {
                return None;
            }
            wallet.written();
            Some(Kept { wallet, whole })
        });
        self.keeper().keep(kept.collect());
        Ok(Some(decisions))
    }

    /// The book of a group, and whose batches it has only the first of; absent where somebody has no wallet.
    async fn open_book(
        &self,
        loader: &Loader<'_, DatabaseConnection>,
        commands: &[Command],
    ) -> Result<Option<(Book, HashSet<String>)>, StoreError> {
        let mut book = Book::default();
        let mut partial = HashSet::new();
        let mut demand = loader.demand(commands);
        {
            let mut keeper = self.keeper();
            demand.retain(|user_id, wanted| {
                let Some(kept) = keeper.take(user_id) else {
                    return true;
                };
                if !covers(kept.wallet.batches(), kept.whole, *wanted, loader.now) {
                    return true;
                }
                if !kept.whole {
                    partial.insert((*user_id).to_owned());
                }
                book.add_wallet(kept.wallet);
                false
            });
        }
        if demand.is_empty() {
            return Ok(Some((book, partial)));
        }
        // Where somebody writes a wallet before more of its batches are read, the version tells.
        let Some(more) = loader.read_wallets(demand, &mut book).await? else {
            return Ok(None);
        };
        partial.extend(more);
        Ok(Some((book, partial)))
    }
}

/// Whether all that a command needs is a wallet with its batches.
const fn is_plain(command: &Command) -> bool {
    matches!(
        command.action,
        Action::Consume { .. } | Action::Promotion { .. } | Action::Purchase { .. }
    )
}

/// Whether the unique index has a say in a decision. A refusal that leaves nothing behind is right only where the reference
/// is new, and somebody has to look.
fn is_recorded(decision: &Decision) -> bool {
    match decision {
        Decision::Settled(outcome) => outcome
            .refused
            .as_ref()
            .is_none_or(|refused| refused.code.is_stored()),
        Decision::Unapplied(_) => false,
    }
}

/// Whether an error may come from having decided on what is not so any more, or from a schema that is older than this worker.
/// Of what the database refuses some is no fault of the command's, then: constraints are checked before the unique index is.
fn is_in_vain(error: &StoreError) -> bool {
    error.is_poison() || error.is_stale() || error.is_deadlock() || error.is_ahead_of_schema()
}
