//! The optimistic path of the group commit: no lock before the decision, and no read of cached
//! wallets.
//!
//! Usually no other process writes the same wallets, and references are new. So the group is
//! decided from the cached wallets (`wallet_cache`), or from wallets that are read now without a
//! lock. A single statement, which is its own transaction, writes the group on condition that each
//! wallet still has the version that was read. Unique indexes check that references and payments
//! are new. If one of these conditions fails, nothing is written, and the group takes the
//! pessimistic path, which locks before it reads.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ledger::{Action, Book, Command, DebtPolicy, Decision, References, Rules};
use sea_orm::{DatabaseConnection, DbBackend};
use uuid::Uuid;

use super::{
    Store, load::Loader, load_batches::covers, need::named_hold, wallet_cache::CachedWallet,
    write::Writer,
};
use crate::db::StoreError;

/// The result of the optimistic path.
#[derive(Debug)]
pub(super) enum OptimisticResult {
    /// The group is committed.
    Committed(Vec<Decision>),
    /// The group needs the pessimistic path. Nothing was written.
    Declined,
    /// The rows have changed since they were read. Nothing was written.
    Conflict,
}

impl Store {
    /// Commits a group, unless it needs the pessimistic path. Then nothing is written.
    ///
    /// SQLite always takes the pessimistic path: its only writer locks the whole file anyway.
    pub(super) async fn commit_optimistically(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<OptimisticResult, StoreError> {
        let is_possible = self.backend() == DbBackend::Postgres && commands.iter().all(is_plain);
        if !is_possible || !self.wallet_cache().is_confident() {
            return Ok(OptimisticResult::Declined);
        }
        match self.decide_and_write(commands, rules, now).await {
            Ok(Some(decisions)) => Ok(OptimisticResult::Committed(decisions)),
            Ok(None) => Ok(OptimisticResult::Declined),
            Err(error) if is_conflict(&error) => {
                self.wallet_cache().record_conflict();
                Ok(OptimisticResult::Conflict)
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
            connection: self.connection(),
            timeout: self.timeout(),
            rules,
            now,
        };
        let Some((mut book, partial)) = self.open_book(&loader, commands).await? else {
            return Ok(None);
        };
        if rules.enabled && book.is_due(now)
            || !has_named_holds(&book, commands, rules.references)
            || may_repay(&book, commands, rules)
        {
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
        let changes = book.changes();
        let writer = Writer {
            connection: self.connection(),
            timeout: self.timeout(),
            booking_clock: self.booking_clock,
            now,
        };
        writer.write_unless_stale(&changes).await?;
        // The position of a new batch among the batches that were not read is unknown.
        let new_batches = changes.new_batches.iter();
        let uncacheable: HashSet<String> = new_batches
            .filter(|(user_id, _)| partial.contains(*user_id))
            .map(|(user_id, _)| (*user_id).to_owned())
            .collect();
        let written = book
            .into_wallets()
            .filter(|wallet| !uncacheable.contains(&wallet.user_id))
            .map(|wallet| CachedWallet {
                whole: !partial.contains(&wallet.user_id),
                wallet,
            });
        self.wallet_cache().insert(written.collect());
        Ok(Some(decisions))
    }

    /// The book of a group, and the users of whose batches it has only the first ones. `None` if a
    /// user has no wallet.
    async fn open_book(
        &self,
        loader: &Loader<'_, DatabaseConnection>,
        commands: &[Command],
    ) -> Result<Option<(Book, HashSet<String>)>, StoreError> {
        let mut book = Book::default();
        let mut partial = HashSet::new();
        let mut needs = loader.needs(commands);
        let has_captures = commands
            .iter()
            .any(|command| matches!(command.action, Action::Capture(_)));
        {
            let mut wallet_cache = self.wallet_cache();
            needs.retain(|user_id, needed| {
                let Some(cached) = wallet_cache.take(user_id) else {
                    return true;
                };
                let credits = needed.credits;
                if has_captures {
                    let captures = loader.captures(commands, &cached.wallet);
                    needed.credits = credits.saturating_add(captures);
                }
                if !covers(cached.wallet.batches(), cached.whole, needed, loader.now) {
                    needed.credits = credits;
                    return true;
                }
                if !cached.whole {
                    partial.insert((*user_id).to_owned());
                }
                book.add_wallet(cached.wallet);
                false
            });
        }
        if needs.is_empty() {
            return Ok(Some((book, partial)));
        }
        // If another process writes a wallet before its further batches are read, the check of the
        // version fails.
        let Some(more) = loader.read_wallets(commands, needs, &mut book).await? else {
            return Ok(None);
        };
        partial.extend(more);
        Ok(Some((book, partial)))
    }
}

/// Whether a command needs no other rows than its wallet with its batches and open holds.
const fn is_plain(command: &Command) -> bool {
    matches!(
        command.action,
        Action::Consume(_)
            | Action::Hold(_)
            | Action::Capture(_)
            | Action::Release(_)
            | Action::Promotion(_)
            | Action::Purchase(_)
    )
}

/// Whether the hold that each capture or release names is an open one of its own origin and sender,
/// or is made in the same group. Closed holds are not read on this path, so another hold with the
/// same reference may be the wrong one.
fn has_named_holds(book: &Book, commands: &[Command], references: References) -> bool {
    commands.iter().enumerate().all(|(nth, command)| {
        let Some(reference) = named_hold(command) else {
            return true;
        };
        let wallet = book.wallet(&command.user_id);
        let owner = |of: &Command| references.owner(of.sender.as_deref()).map(str::to_owned);
        wallet.is_some_and(|wallet| wallet.has_own_hold(reference, command, references))
            || commands[..nth].iter().any(|other| {
                matches!(other.action, Action::Hold(_))
                    && other.reference_id == *reference
                    && other.user_id == command.user_id
                    && other.origin == command.origin
                    && owner(other) == owner(command)
            })
    })
}

/// Whether a command may repay a debt. Debts are not read on this path.
fn may_repay(book: &Book, commands: &[Command], rules: &Rules) -> bool {
    let adds_credits =
        |command: &Command| matches!(command.action, Action::Promotion(_) | Action::Purchase(_));
    let owes = |command: &Command| {
        let wallet = book.wallet(&command.user_id);
        wallet.is_some_and(|wallet| wallet.debt > 0)
    };
    rules.debt_policy != DebtPolicy::Report
        && commands
            .iter()
            .any(|command| adds_credits(command) && owes(command))
}

/// Whether a decision writes a row, so that the unique index checks its reference.
///
/// A refusal that writes no row is correct only for a new reference, and only the pessimistic path
/// looks that up.
fn is_recorded(decision: &Decision) -> bool {
    match decision {
        Decision::Settled(outcome) => outcome
            .refused
            .as_ref()
            .is_none_or(|refused| refused.code.is_stored()),
        Decision::Unapplied(_) => false,
    }
}

/// Whether an error may be caused by stale rows.
///
/// A refused value (poison) may be caused by stale rows, too: the database checks constraints
/// before it checks the unique index.
fn is_conflict(error: &StoreError) -> bool {
    error.is_poison() || error.is_stale() || error.is_deadlock()
}
