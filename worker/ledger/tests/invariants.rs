//! The invariant checks that property tests and fuzzing use. Each check detects the violation it is
//! named after, and a consistent wallet passes all of them.

use ledger::{
    Action, Allocation, Batch, BatchStatus, Broken, Expire, Posting, Promotion, Refusal, Wallet,
    WalletStatus, check_wallet,
};
use uuid::Uuid;

use crate::desk::{Desk, at, consume};

/// A wallet with all its batches and postings.
#[derive(Clone)]
struct Whole {
    wallet: Wallet,
    batches: Vec<Batch>,
    postings: Vec<Posting>,
}

impl Whole {
    /// Two promotions of 10 credits. Of the first, 7 were spent and 3 expired. Of the second, 5
    /// were spent.
    fn consistent() -> Self {
        let mut desk = Desk::new("2026-01-10");
        for validity_days in [Some(30), None] {
            desk.send(Action::Promotion(Promotion {
                amount: 10,
                validity_days,
            }));
        }
        desk.send(consume(7));
        desk.now = at("2026-03-01");
        let cutoff = desk.now;
        desk.send(Action::Expire(Expire { cutoff }));
        desk.send(consume(5));
        let wallet = desk.book.wallet("u").expect("a wallet").clone();
        Self {
            batches: wallet.batches().to_vec(),
            wallet,
            postings: desk.book.postings().to_vec(),
        }
    }

    fn check(&self) -> Result<(), Broken> {
        check_wallet(&self.wallet, &self.batches, &self.postings)
    }

    /// Applies a change and expects that the check with this name fails.
    fn breaks(&self, invariant: &str, change: impl FnOnce(&mut Self)) {
        let mut broken = self.clone();
        change(&mut broken);
        let found = broken.check().map_err(|broken| broken.invariant);
        assert_eq!(found, Err(invariant));
    }

    /// The first consumption. The postings are two promotions, a consumption, an expiration, a
    /// consumption.
    fn spent(&mut self) -> &mut Posting {
        &mut self.postings[2]
    }
}

#[test]
fn a_consistent_wallet_passes_every_check() {
    let whole = Whole::consistent();
    assert_eq!(whole.check(), Ok(()));
    assert_eq!(whole.wallet.balance, 5);
    assert_eq!(whole.batches[0].status, BatchStatus::Expired);
    assert_eq!(whole.wallet.status, WalletStatus::Active);
}

#[test]
fn every_sum_of_a_wallet_is_checked() {
    let whole = Whole::consistent();
    whole.breaks("balance = Σ remaining of ACTIVE batches", |it| {
        it.wallet.balance += 1;
    });
    whole.breaks("balance = Σ COMPLETED amounts", |it| {
        it.postings[0].amount += 1;
    });
    whole.breaks("held = Σ held of batches", |it| {
        it.wallet.held += 1;
    });
    let earned = "total_earned = Σ credits added − revoked − repaid + reinstated";
    whole.breaks(earned, |it| {
        it.wallet.total_earned += 1;
    });
    whole.breaks("debt = Σ COMPLETED changes of the debt", |it| {
        it.wallet.debt += 1;
    });
    whole.breaks("total_spent = Σ consumed − refunded", |it| {
        it.wallet.total_spent += 1;
    });
    let count = "transaction_count = number of COMPLETED transactions";
    whole.breaks(count, |it| {
        it.wallet.transaction_count += 1;
    });
    whole.breaks(count, |it| {
        let mut nothing = it.spent().clone();
        nothing.amount = 0;
        nothing.allocations.clear();
        it.postings.push(nothing);
    });
}

#[test]
fn a_refusal_does_not_count_and_moves_no_credits() {
    let mut whole = Whole::consistent();
    let mut refused = whole.spent().clone();
    refused.amount = 0;
    refused.other_account = None;
    refused.allocations.clear();
    refused.refusal = Some(Refusal::InsufficientCredits);
    whole.postings.push(refused);
    assert_eq!(whole.check(), Ok(()));
    let moves = |whole: &mut Whole, amount: i64| {
        let batch_id = whole.batches[1].id;
        let mut moving = whole.postings.last().expect("a refusal").clone();
        moving.amount = amount;
        moving.allocations = vec![Allocation {
            batch_id,
            amount,
            batch_remaining: 5,
        }];
        whole.postings.push(moving);
    };
    whole.breaks("a refusal moves nothing", |it| {
        moves(it, 1);
        moves(it, -1);
    });
}

#[test]
fn every_batch_is_checked() {
    let whole = Whole::consistent();
    let range = "0 ≤ remaining ≤ amount";
    whole.breaks(range, |it| {
        it.batches[1].amount = 4;
    });
    whole.breaks(range, |it| {
        it.batches[0].remaining = -1;
    });
    let held = "0 ≤ held ≤ remaining";
    for count in [-1, 6] {
        whole.breaks(held, |it| {
            it.batches[1].held = count;
            it.wallet.held = count;
        });
    }
    let left = "ACTIVE ⇔ remaining > 0";
    whole.breaks(left, |it| {
        it.batches[0].status = BatchStatus::Active;
    });
    whole.breaks("remaining = Σ allocations of the batch", |it| {
        let other = it.batches[1].id;
        it.spent().allocations[0].batch_id = other;
    });
    let brought = "the batch has its transaction";
    whole.breaks(brought, |it| {
        it.batches[1].transaction_id = Uuid::nil();
    });
    whole.breaks(brought, |it| {
        it.batches[1].amount = 11;
    });
    whole.breaks("every allocation has its batch", |it| {
        it.spent().allocations.push(Allocation {
            batch_id: Uuid::nil(),
            amount: 0,
            batch_remaining: 0,
        });
    });
}

#[test]
fn every_posting_is_checked() {
    let whole = Whole::consistent();
    whole.breaks("amount = Σ allocations of the transaction", |it| {
        it.postings[2].allocations[0].amount += 1;
        it.postings[3].allocations[0].amount -= 1;
    });
    let wallet = || Some("WALLET:u".to_owned());
    whole.breaks("amount > 0 ⇔ the wallet is credited", |it| {
        it.spent().other_account = wallet();
    });
    whole.breaks("amount < 0 ⇔ the wallet is debited", |it| {
        it.postings[0].other_account = wallet();
    });
    let below = "no balance or remainder below 0";
    whole.breaks(below, |it| {
        it.spent().balance_after = Some(-1);
    });
    whole.breaks(below, |it| {
        it.spent().allocations[0].batch_remaining = -1;
    });
    let mut nothing = whole.clone();
    nothing.spent().balance_after = Some(0);
    nothing.spent().allocations[0].batch_remaining = 0;
    assert_eq!(nothing.check(), Ok(()), "zero is not below zero");
}

#[test]
fn a_broken_invariant_is_reported_with_its_name_and_values() {
    let mut whole = Whole::consistent();
    whole.wallet.held = 3;
    let broken = whole.check().expect_err("it is broken");
    let text = broken.to_string();
    assert_eq!(text, "held = Σ held of batches: stored 3, the sum is 0");
}
