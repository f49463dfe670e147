//! Checks refunds by the documented rule: each credit of a consumption or capture comes back at
//! most once, the last taken first, to its own batch or, if that has expired, to a new one.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Batch, BatchStatus, Book, Command, Origin, Posting, Refund, Source, TransactionType, Wallet,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::expected::{Sight, effective};

/// Days until credits expire that came back after their batch had expired.
const GRACE_DAYS: i64 = 7;

impl<'a> Sight<'a> {
    /// The consumption or capture that a refund names, searched among all postings.
    fn original(self, command: &Command, refund: &Refund) -> Option<&'a Posting> {
        let by_apps = [command.origin, Origin::Usage];
        let origins = match command.origin {
            Origin::Funding => &by_apps[..],
            _ => &by_apps[..1],
        };
        origins.iter().find_map(|origin| {
            self.book.postings().iter().find(|posting| {
                is_spending(posting.kind)
                    && posting.refusal.is_none()
                    && posting.origin == *origin
                    && posting.reference_id == refund.of
                    && posting.user_id == command.user_id
            })
        })
    }

    /// The credits of a consumption or capture that were not returned yet.
    pub fn left_to_refund(self, command: &Command, refund: &Refund) -> Option<i64> {
        let original = self.original(command, refund)?;
        Some(-original.amount - returned(self.book, original.id))
    }
}

/// Whether a refund may name a transaction of this type.
fn is_spending(kind: TransactionType) -> bool {
    matches!(
        kind,
        TransactionType::Consumption | TransactionType::Capture
    )
}

/// The credits that all refunds of a consumption or capture returned.
fn returned(book: &Book, original: Uuid) -> i64 {
    let refunds = book.postings().iter().filter(|posting| {
        posting.kind == TransactionType::Refund && posting.related_id == Some(original)
    });
    refunds.map(|refund| refund.amount).sum()
}

/// Checks a refund that was applied: the book contains it already.
pub fn check(
    sight: Sight<'_>,
    command: &Command,
    refund: &Refund,
    (was, is): (&Wallet, &Wallet),
    postings: &[Posting],
) -> Result<(), TestCaseError> {
    let at = effective(command, sight.rules, sight.now);
    let original = sight.original(command, refund).expect("an original");
    let own = &postings[0];
    // The model of debts checks what is repaid.
    let repaid: HashMap<Uuid, i64> = postings[1..]
        .iter()
        .flat_map(|posting| &posting.allocations)
        .map(|part| (part.batch_id, -part.amount))
        .collect();
    let total: i64 = repaid.values().sum();
    prop_assert_eq!(own.related_id, Some(original.id));
    prop_assert_eq!(&own.service, &original.service);
    prop_assert_eq!(is.total_spent, was.total_spent - own.amount);
    prop_assert_eq!(is.total_earned, was.total_earned - total);
    let after = returned(sight.book, original.id);
    let parts = parts(was, original, after - own.amount..after);
    let mut expected: BTreeMap<Uuid, Batch> = was
        .batches()
        .iter()
        .map(|batch| (batch.id, batch.clone()))
        .collect();
    let mut added = Vec::new();
    let mut moved = HashMap::new();
    for (id, credits) in parts {
        let batch = expected.get_mut(&id).expect("a batch of the wallet");
        let is_gone = batch.expires_at.is_some_and(|end| end <= at) || batch.expirations > 0;
        if is_gone {
            added.push(replacement(batch, credits, at));
        } else {
            batch.remaining += credits;
            batch.status = BatchStatus::Active;
            moved.insert(id, (credits, batch.remaining));
            batch.remaining -= repaid.get(&id).copied().unwrap_or_default();
            if batch.remaining == 0 {
                batch.status = BatchStatus::Consumed;
            }
        }
    }
    let (new, kept): (Vec<&Batch>, Vec<&Batch>) = is
        .batches()
        .iter()
        .partition(|batch| batch.transaction_id == own.id);
    let kept: BTreeMap<Uuid, Batch> = kept.iter().map(|one| (one.id, (*one).clone())).collect();
    prop_assert_eq!(kept, expected, "the batches that the credits came from");
    for batch in &new {
        moved.insert(batch.id, (batch.amount, batch.amount));
        let left = batch.amount - repaid.get(&batch.id).copied().unwrap_or_default();
        let found = added.iter().position(|one| is_like(one, batch, left));
        prop_assert!(found.is_some(), "{batch:?} is none of {added:?}");
        added.swap_remove(found.unwrap_or_default());
    }
    prop_assert!(added.is_empty(), "these are missing: {added:?}");
    let reported = own.allocations.iter();
    let reported: HashMap<Uuid, (i64, i64)> = reported
        .map(|part| (part.batch_id, (part.amount, part.batch_remaining)))
        .collect();
    prop_assert_eq!(reported, moved);
    Ok(())
}

/// The parts of a consumption or capture that a refund returns. Its credits are numbered backwards
/// in spending order, and `range` are the numbers of the credits to return.
fn parts(wallet: &Wallet, original: &Posting, range: std::ops::Range<i64>) -> Vec<(Uuid, i64)> {
    let mut taken: Vec<(&Batch, i64)> = original
        .allocations
        .iter()
        .map(|part| {
            let mut batches = wallet.batches().iter();
            let batch = batches.find(|batch| batch.id == part.batch_id);
            (batch.expect("a batch of the wallet"), -part.amount)
        })
        .collect();
    taken.sort_by_key(|(batch, _)| {
        let end = batch
            .expires_at
            .map_or(i64::MAX, |end| end.timestamp_micros());
        let is_paid = batch.source == Source::Purchase;
        std::cmp::Reverse((end, is_paid, batch.issued_at, batch.id))
    });
    let mut end = 0;
    let parts = taken.into_iter().map(|(batch, credits)| {
        let start = end;
        end += credits;
        (batch.id, end.min(range.end) - start.max(range.start))
    });
    parts.filter(|(_, credits)| *credits > 0).collect()
}

/// The batch that replaces an expired one, but for its ids.
fn replacement(expired: &Batch, credits: i64, at: DateTime<Utc>) -> Batch {
    let price = |paid: i64| {
        let share = i128::from(paid) * i128::from(credits) / i128::from(expired.amount);
        i64::try_from(share).expect("a price")
    };
    Batch {
        amount: credits,
        remaining: credits,
        held: 0,
        issued_at: at,
        expires_at: Some(at + TimeDelta::days(GRACE_DAYS)),
        status: BatchStatus::Active,
        paid_micros: expired.paid_micros.map(price),
        expirations: 0,
        ..expired.clone()
    }
}

/// Whether a new batch is the expected one, with what a repayment has left of it.
fn is_like(expected: &Batch, found: &Batch, left: i64) -> bool {
    let same_ids = Batch {
        id: found.id,
        transaction_id: found.transaction_id,
        remaining: left,
        status: match left {
            0 => BatchStatus::Consumed,
            _ => BatchStatus::Active,
        },
        ..expected.clone()
    };
    same_ids == *found
}

/// Checks all refunds of a book: no spent credit and no price comes back more than once.
pub fn check_book(book: &Book) -> Result<(), TestCaseError> {
    let batches: HashMap<Uuid, &Batch> = super::steps::USERS
        .iter()
        .filter_map(|user| book.wallet(user))
        .flat_map(Wallet::batches)
        .map(|batch| (batch.id, batch))
        .collect();
    let mut replaced: HashMap<Uuid, (i64, i64)> = HashMap::new();
    for posting in book.postings() {
        if is_spending(posting.kind) {
            prop_assert!(returned(book, posting.id) <= -posting.amount);
        }
        let refunded = posting.kind == TransactionType::Refund;
        for note in posting.audit.replacements.iter().filter(|_| refunded) {
            let new = batches[&note.batch_id];
            prop_assert_eq!(new.transaction_id, posting.id);
            let (credits, paid) = replaced.entry(note.replaces).or_default();
            *credits += new.amount;
            *paid += new.paid_micros.unwrap_or_default();
        }
    }
    for (id, (credits, paid)) in replaced {
        let expired = batches[&id];
        prop_assert!(credits <= expired.amount, "{expired:?}");
        prop_assert!(
            paid <= expired.paid_micros.unwrap_or_default(),
            "{expired:?}"
        );
    }
    Ok(())
}
