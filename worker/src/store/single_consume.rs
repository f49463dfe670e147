//! A group of one command that takes credits from one batch: the usual group of an idle worker.
//!
//! The general statement has an array for each column of each kind of row. For a single row of each
//! kind, setting up the arrays takes longer than the work itself. So this group has its own
//! statement without arrays, which writes the same rows.

use ledger::{Allocation, Batch, Changes, Posting, TransactionType, Wallet};
use sea_orm::Value;

use super::detail;

/// The changes of such a group.
pub struct SingleConsume<'a> {
    posting: &'a Posting,
    allocation: &'a Allocation,
    wallet: &'a Wallet,
    batch: &'a Batch,
}

impl<'a> SingleConsume<'a> {
    /// Takes the changes of a group, or returns `None` if the general statement has to write them.
    pub fn from_changes(changes: &Changes<'a>) -> Option<Self> {
        let ([posting], [], [batch], [wallet], [], [], []) = (
            changes.postings.as_slice(),
            changes.new_batches.as_slice(),
            changes.changed_batches.as_slice(),
            changes.changed_wallets.as_slice(),
            changes.unchanged_wallets.as_slice(),
            changes.subscriptions.as_slice(),
            changes.unopened.as_slice(),
        ) else {
            return None;
        };
        // Every field is named, so a new field causes a compile error until it is handled here.
        let Posting {
            kind: TransactionType::Consumption,
            amount: ..0,
            debt_change: 0,
            refusal: None,
            purchase_id: None,
            purchase_line: None,
            subscription_id: None,
            period_start: None,
            related_id: None,
            allocations,
            id: _,
            user_id: _,
            other_account: _,
            origin: _,
            reference_id: _,
            sender: _,
            fingerprint: _,
            balance_after: _,
            service: _,
            quantity: _,
            description: _,
            metadata: _,
            detail: _,
            audit: _,
            occurred_at: _,
        } = posting
        else {
            return None;
        };
        let [allocation] = allocations.as_slice() else {
            return None;
        };
        Some(Self {
            posting,
            allocation,
            wallet,
            batch,
        })
    }

    /// The parameters of [`super::sql::WRITE_SINGLE_CONSUME`]. `booked` is the booking time, or
    /// null.
    pub fn values(&self, booked: Value) -> Vec<Value> {
        let Self {
            posting,
            allocation,
            wallet,
            batch,
        } = self;
        vec![
            wallet.id.into(),
            wallet.balance.into(),
            wallet.held.into(),
            wallet.total_earned.into(),
            wallet.total_spent.into(),
            wallet.transaction_count.into(),
            wallet.next_version().into(),
            wallet.status.as_str().into(),
            posting.id.into(),
            posting.user_id.as_str().into(),
            posting.amount.into(),
            posting.other_account.clone().into(),
            posting.origin.as_str().into(),
            posting.reference_id.as_str().into(),
            posting.fingerprint.map(Vec::from).into(),
            posting.balance_after.into(),
            posting.service.clone().into(),
            posting.quantity.into(),
            posting.description.clone().into(),
            posting.metadata.clone().into(),
            detail::to_text(posting).into(),
            posting.occurred_at.into(),
            allocation.amount.into(),
            allocation.batch_remaining.into(),
            batch.id.into(),
            batch.remaining.into(),
            batch.held.into(),
            batch.status.as_str().into(),
            batch.expirations.into(),
            booked,
            posting.sender.clone().into(),
        ]
    }
}
