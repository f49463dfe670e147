//! What a debt means: the policies, the freeze, and forgiveness.

use ledger::{DebtPolicy, Refusal, RevokeExtent, SubscriptionStatus::Active, WalletStatus};

use super::{credits, effect, forgive, promotion, purchase, revoke};
use crate::desk::{Desk, at, code, consume, subscription};

/// A user who owes 60 credits.
fn in_debt(policy: DebtPolicy) -> Desk {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.debt_policy = policy;
    desk.order("pi_1", purchase(credits(100, None), None));
    desk.order("c", consume(60));
    desk.order("dp_1", revoke("pi_1", RevokeExtent::All));
    assert_eq!((desk.balance(), desk.debt()), (0, 60));
    desk
}

/// Conformance: Revocations and debt: With `repay_first`, new credits repay the debt first and the
/// wallet may spend the rest
#[test]
fn new_credits_repay_the_debt_first() {
    let mut desk = in_debt(DebtPolicy::RepayFirst);
    let gift = desk.order("g", promotion(25));
    assert_eq!((gift.amount, gift.balance), (0, Some(0)));
    assert_eq!(effect(&gift).debt, Some(35));
    let more = desk.order("h", promotion(50));
    assert_eq!((more.amount, effect(&more).repaid), (15, Some(35)));
    assert_eq!(desk.order("d", consume(15)).amount, -15);
}

#[test]
fn a_wallet_in_debt_may_spend_unless_the_policy_blocks_it() {
    let mut desk = in_debt(DebtPolicy::Report);
    desk.order("g", promotion(25));
    desk.rules.debt_policy = DebtPolicy::RepayFirst;
    assert_eq!(desk.order("d", consume(5)).amount, -5);
    desk.rules.debt_policy = DebtPolicy::Block;
    let refused = desk.order("e", consume(5));
    assert_eq!(code(&refused), Some(Refusal::DebtOutstanding));
    assert_eq!(effect(&refused).debt, Some(60));
}

/// Conformance: Revocations and debt: With `block`, `consume` and `hold` are refused with
/// `debt_outstanding` until the debt is repaid
#[test]
fn a_blocked_wallet_spends_again_once_the_debt_is_repaid() {
    let mut desk = in_debt(DebtPolicy::Block);
    desk.order("g", promotion(59));
    let refused = desk.order("d", consume(1));
    assert_eq!(code(&refused), Some(Refusal::DebtOutstanding));
    desk.order("h", promotion(2));
    assert_eq!((desk.balance(), desk.debt()), (1, 0));
    assert_eq!(desk.order("e", consume(1)).amount, -1);
}

/// Conformance: Revocations and debt: With `report`, nothing depends on the debt
#[test]
fn a_reported_debt_takes_no_new_credits() {
    let mut desk = in_debt(DebtPolicy::Report);
    let gift = desk.order("g", promotion(25));
    assert_eq!((gift.amount, gift.debt), (25, None));
    assert_eq!((desk.balance(), desk.debt()), (25, 60));
}

#[test]
fn a_period_that_is_granted_with_another_command_repays_too() {
    let mut desk = in_debt(DebtPolicy::RepayFirst);
    let event = desk.order("evt", subscription(Active, "pro", None));
    assert_eq!((event.amount, effect(&event).repaid), (140, Some(60)));
    desk.order(
        "dp_2",
        revoke("grant:sub:2026-01-10", RevokeExtent::Amount(200)),
    );
    assert_eq!((desk.balance(), desk.debt()), (0, 60));
    desk.now = at("2026-02-11");
    assert_eq!(desk.order("d", consume(5)).amount, -5);
    assert_eq!((desk.balance(), desk.debt()), (135, 0));
}

/// Conformance: Revocations and debt: With `freeze_on_debt`, a revocation that leaves a debt
/// freezes the wallet
#[test]
fn a_revocation_that_leaves_a_debt_freezes_the_wallet_if_configured() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.freeze_on_debt = true;
    desk.order("g", promotion(10));
    desk.order("a", revoke("g", RevokeExtent::Amount(5)));
    let status = |desk: &Desk| desk.book.wallet("u").map(|wallet| wallet.status);
    assert_eq!(status(&desk), Some(WalletStatus::Active));
    desk.order("c", consume(5));
    let last = desk.order("b", revoke("g", RevokeExtent::All));
    assert_eq!(last.transactions.len(), 3, "revocation, debt and freeze");
    assert_eq!(status(&desk), Some(WalletStatus::Frozen));
    desk.order("h", promotion(20));
    assert_eq!(status(&desk), Some(WalletStatus::Frozen), "it stays frozen");
}

/// Conformance: Revocations and debt: `forgive` writes off debt, and no more than is owed
#[test]
fn no_more_than_is_owed_is_forgiven() {
    let mut desk = in_debt(DebtPolicy::RepayFirst);
    let refused = desk.order("a", forgive(Some(61)));
    let refusal = refused.refused.expect("a refusal");
    assert_eq!(refusal.code, Refusal::ForgiveExceedsDebt);
    assert_eq!((refusal.required, refusal.available), (Some(61), Some(60)));
    let part = desk.order("b", forgive(Some(20)));
    assert_eq!(effect(&part).debt, Some(40));
    let rest = desk.order("c", forgive(None));
    assert_eq!(effect(&rest).forgiven, Some(40));
    let refused = desk.order("d", forgive(None));
    assert_eq!(code(&refused), Some(Refusal::ForgiveExceedsDebt));
    assert_eq!(
        refused.refused.expect("a refusal").to_string(),
        "nothing is left of the debt that could be forgiven"
    );
}
