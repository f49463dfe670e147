//! Revocations and debt, through the database.

use chrono::TimeDelta;
use ledger::{
    Action, Command, DebtEffect, DebtPolicy, Item, Origin, Outcome, Refusal, Revoke, RevokeExtent,
    RevokeTarget, Status, SubscriptionStatus,
};
use testkit::ledger::{
    TestLedger, buy, buy_credits, buy_package, command, consume, expire, forgive, hold, promote,
    refund, reinstate, release, revoke, settled, subscribe,
};

/// `refunds.grace_days` of the default rules.
const GRACE_DAYS: i64 = 7;

fn code(outcome: &Outcome) -> Option<Refusal> {
    outcome.refused.as_ref().map(|refused| refused.code)
}

/// What an outcome says about debt.
fn effect(outcome: &Outcome) -> DebtEffect {
    outcome.debt.as_deref().copied().unwrap_or_default()
}

/// The credits that were revoked and taken, and those that became debt.
fn parts(outcome: &Outcome) -> (i64, i64, i64) {
    let effect = effect(outcome);
    let number = |credits: Option<i64>| credits.expect("a revocation");
    (
        number(effect.revoked),
        number(effect.taken),
        number(effect.indebted),
    )
}

/// The money that was refunded of a payment so far.
const fn refunded(cents: i64) -> RevokeExtent {
    RevokeExtent::AmountRefunded(cents * 10_000)
}

/// A revocation that names the payment.
fn revoke_payment(reference: &str, user: &str, payment: &str, extent: RevokeExtent) -> Command {
    let target = RevokeTarget::Payment {
        purchase_id: payment.to_owned(),
        purchase_line: None,
    };
    let action = Action::Revoke(Revoke { target, extent });
    command(Origin::Funding, reference, user, action)
}

/// A purchase for 10.00.
fn buy_for_ten(reference: &str, user: &str, item: Item) -> Command {
    let mut purchase = buy(reference, user, item);
    if let Action::Purchase(purchase) = &mut purchase.action {
        purchase.paid_micros = Some(10_000_000);
    }
    purchase
}

fn lite() -> Item {
    Item::Package("lite".to_owned())
}

fn for_days(credits: i64, days: i64) -> Item {
    Item::Credits {
        credits,
        validity_days: Some(days),
    }
}

/// Balance and debt of the only wallet.
async fn wallet(ledger: &TestLedger) -> (i64, i64) {
    (
        ledger.number("SELECT balance FROM credits_balance").await,
        ledger.number("SELECT debt FROM credits_balance").await,
    )
}

/// Conformance: Revocations and debt: `revoke` takes credits of a purchase and of its bonus by the
/// same share
/// Conformance: Revocations and debt: `revoke`, `reinstate` and `forgive` are idempotent by
/// reference
pub async fn a_part_of_a_payment_is_revoked_with_its_bonus_and_replayed(ledger: TestLedger) {
    ledger.one(buy_for_ten("p1", "ada", lite())).await;
    ledger.one(consume("c1", "ada", 50)).await;
    let part = || revoke_payment("v1", "ada", "p1", refunded(400));
    let first = ledger.one(part()).await;
    assert_eq!((first.amount, parts(&first)), (-40, (44, 40, 4)));
    let before = ledger.fingerprint().await;
    let again = ledger.one(part()).await;
    assert!(again.replayed);
    assert_eq!(again.transactions, first.transactions);
    assert_eq!(again.allocations, first.allocations);
    assert_eq!(effect(&again), effect(&first));
    assert_eq!(ledger.fingerprint().await, before, "it writes nothing");
    let lower = revoke_payment("v2", "ada", "p1", refunded(400));
    assert_eq!(parts(&ledger.one(lower).await), (0, 0, 0));
    let rest = ledger
        .one(revoke("v3", "ada", "p1", RevokeExtent::All))
        .await;
    assert_eq!((rest.amount, parts(&rest)), (-20, (66, 20, 46)));
    let nothing = ledger
        .one(revoke("v4", "ada", "p1", RevokeExtent::All))
        .await;
    assert_eq!(code(&nothing), Some(Refusal::RevokeExceedsCredits));
    assert_eq!(wallet(&ledger).await, (0, 50));
    ledger.verify().await;
}

pub async fn the_example_of_the_documentation_is_the_same_through_the_database(ledger: TestLedger) {
    ledger.one(buy_for_ten("p1", "ada", lite())).await;
    ledger.one(consume("c1", "ada", 80)).await;
    let commands = [
        (revoke("re_1", "ada", "p1", refunded(250)), -25, 2),
        (revoke("re_2", "ada", "p1", refunded(500)), -5, 25),
        (refund("b1", "ada", "c1", Some(10)), 0, 15),
        (promote("g1", "ada", 8, None), 0, 7),
        (revoke("dp_1", "ada", "p1", RevokeExtent::All), 0, 62),
        (buy_credits("p2", "ada", 40), 0, 22),
        (reinstate("won", "ada", "dp_1"), 33, 0),
    ];
    for (command, amount, debt) in commands {
        let outcome = ledger.one(command.clone()).await;
        let reference = &command.reference_id;
        assert_eq!(outcome.amount, amount, "{reference}");
        assert_eq!(effect(&outcome).debt, Some(debt), "{reference}");
        let again = ledger.one(command.clone()).await;
        assert!(again.replayed);
        assert_eq!(effect(&again), effect(&outcome), "{reference}");
        assert_eq!(again.transactions, outcome.transactions, "{reference}");
        ledger.verify().await;
    }
    assert_eq!(wallet(&ledger).await, (33, 0));
}

pub async fn revocations_and_their_debts_in_one_group_are_exact(ledger: TestLedger) {
    let group = [
        buy_credits("p1", "ada", 100),
        consume("c1", "ada", 60),
        revoke("v1", "ada", "p1", RevokeExtent::Share(500_000)),
        revoke("v2", "ada", "p1", RevokeExtent::Amount(51)),
        revoke("v3", "ada", "p1", RevokeExtent::Amount(20)),
        refund("b1", "ada", "c1", Some(12)),
        promote("g1", "ada", 7, None),
        reinstate("w1", "ada", "v3"),
        reinstate("w2", "ada", "v3"),
        forgive("f1", "ada", Some(2)),
        consume("c2", "ada", 10),
    ];
    let outcomes = ledger.settle(&group).await;
    let amounts: Vec<_> = outcomes.iter().map(|outcome| outcome.amount).collect();
    // 40 are free: 10 of `v1` and all 20 of `v3` are owed. 12 and 7 repay the 10, then 9 of the 20.
    assert_eq!(amounts, [100, -60, -40, 0, 0, 0, 0, 9, 0, 0, 0]);
    assert_eq!(code(&outcomes[3]), Some(Refusal::RevokeExceedsCredits));
    assert_eq!(code(&outcomes[8]), Some(Refusal::AlreadyReinstated));
    assert_eq!(code(&outcomes[9]), Some(Refusal::ForgiveExceedsDebt));
    assert_eq!(code(&outcomes[10]), Some(Refusal::InsufficientCredits));
    assert_eq!(wallet(&ledger).await, (9, 0));
    ledger.verify().await;
    let before = ledger.fingerprint().await;
    let again = ledger.settle(&group).await;
    assert!(again.iter().all(|outcome| outcome.replayed));
    assert_eq!(ledger.fingerprint().await, before);
}

/// Conformance: Revocations and debt: Credits that are spent or held become a debt; credits that
/// have expired are neither taken nor owed
pub async fn credits_of_expired_batches_are_neither_taken_nor_owed(mut ledger: TestLedger) {
    ledger.one(buy("p1", "ada", for_days(100, 10))).await;
    ledger.one(consume("c1", "ada", 50)).await;
    ledger.one(hold("h1", "ada", 20)).await;
    let held = ledger
        .one(revoke("v1", "ada", "p1", RevokeExtent::Amount(40)))
        .await;
    assert_eq!(parts(&held), (40, 30, 10), "30 are free");
    ledger.one(release("h1:r", "ada", "h1")).await;
    ledger.now += TimeDelta::days(12);
    ledger.settle(&[expire("ada", ledger.now)]).await;
    let expired = ledger
        .one(revoke("v2", "ada", "p1", RevokeExtent::Amount(30)))
        .await;
    assert_eq!(parts(&expired), (30, 0, 10), "20 have expired");
    // They come back as a new batch, which first repays the two debts of 10.
    let back = ledger.one(refund("b1", "ada", "c1", Some(35))).await;
    assert_eq!((back.amount, effect(&back).repaid), (15, Some(20)));
    let rest = ledger
        .one(revoke("v3", "ada", "p1", RevokeExtent::All))
        .await;
    assert_eq!(parts(&rest), (30, 15, 15), "of the new batch");
    assert_eq!(wallet(&ledger).await, (0, 15));
    ledger.verify().await;
}

/// Conformance: Revocations and debt: `reinstate` returns exactly what the revocation took, to the
/// batches that it was taken from
/// Conformance: Revocations and debt: What had repaid the debt of a reinstated revocation comes
/// back as a new batch, and what was forgiven stays forgiven
pub async fn a_won_dispute_returns_what_was_taken_and_repaid(mut ledger: TestLedger) {
    ledger.one(buy_package("p1", "ada", "lite")).await;
    ledger.one(consume("c1", "ada", 60)).await;
    let lost = ledger
        .one(revoke_payment("v1", "ada", "p1", RevokeExtent::All))
        .await;
    assert_eq!(parts(&lost), (110, 50, 60));
    ledger.one(promote("g1", "ada", 25, None)).await;
    ledger.one(forgive("f1", "ada", Some(15))).await;
    assert_eq!(wallet(&ledger).await, (0, 20));
    ledger.verify().await;
    let won = ledger.one(reinstate("w1", "ada", "v1")).await;
    assert_eq!((won.amount, effect(&won).cancelled), (75, Some(20)));
    assert_eq!(wallet(&ledger).await, (75, 0));
    let twice = ledger.one(reinstate("w2", "ada", "v1")).await;
    assert_eq!(code(&twice), Some(Refusal::AlreadyReinstated));
    ledger.verify().await;
    let again = ledger
        .one(revoke("v2", "ada", "p1", RevokeExtent::All))
        .await;
    assert_eq!(parts(&again).0, 110, "it can be revoked again");
    ledger.now += TimeDelta::days(100);
    let late = ledger.one(reinstate("w3", "ada", "v2")).await;
    assert_eq!(late.amount, parts(&again).1, "as a new batch");
    ledger.now += TimeDelta::days(GRACE_DAYS + 2);
    let taken = ledger.settle(&[expire("ada", ledger.now)]).await;
    assert_eq!(taken[0].amount, -late.amount, "for the days of grace");
    ledger.verify().await;
}

/// Conformance: Revocations and debt: With `repay_first`, new credits repay the debt first and the
/// wallet may spend the rest
pub async fn new_credits_repay_first_on_every_path(ledger: TestLedger) {
    ledger.one(promote("g1", "ada", 30, None)).await;
    ledger.one(consume("c1", "ada", 30)).await;
    ledger
        .one(revoke("v1", "ada", "g1", RevokeExtent::All))
        .await;
    // A group of plain commands may take the optimistic path for wallets without a debt.
    let both = ledger
        .settle(&[
            promote("g2", "ada", 20, None),
            promote("g3", "bob", 20, None),
        ])
        .await;
    assert_eq!((both[0].amount, both[1].amount), (0, 20));
    let bought = ledger.one(buy_package("p1", "ada", "lite")).await;
    assert_eq!((bought.amount, effect(&bought).repaid), (100, Some(10)));
    assert_eq!(ledger.one(consume("c2", "ada", 100)).await.amount, -100);
    ledger.verify().await;
}

/// Conformance: Revocations and debt: With `block`, `consume` and `hold` are refused with
/// `debt_outstanding` until the debt is repaid
/// Conformance: Revocations and debt: With `freeze_on_debt`, a revocation that leaves a debt
/// freezes the wallet
/// Conformance: Revocations and debt: With `report`, nothing depends on the debt
pub async fn a_wallet_in_debt_is_blocked_or_frozen_by_the_configuration(mut ledger: TestLedger) {
    ledger.rules.debt_policy = DebtPolicy::Report;
    ledger.one(promote("g1", "ada", 30, None)).await;
    ledger.one(consume("c1", "ada", 30)).await;
    ledger
        .one(revoke("v1", "ada", "g1", RevokeExtent::Amount(20)))
        .await;
    ledger.one(promote("g2", "ada", 10, None)).await;
    assert_eq!(ledger.one(consume("c2", "ada", 4)).await.amount, -4);
    assert_eq!(wallet(&ledger).await, (6, 20));
    ledger.rules.debt_policy = DebtPolicy::Block;
    for spend in [consume("c3", "ada", 1), hold("h1", "ada", 1)] {
        let refused = ledger.one(spend.clone()).await;
        assert_eq!(code(&refused), Some(Refusal::DebtOutstanding));
        assert_eq!(effect(&refused).debt, Some(20));
        let again = ledger.one(spend).await;
        assert_eq!((again.replayed, effect(&again).debt), (true, Some(20)));
    }
    ledger.one(promote("g3", "ada", 20, None)).await;
    assert_eq!(ledger.one(consume("c4", "ada", 1)).await.amount, -1);
    ledger.rules.freeze_on_debt = true;
    let frozen = ledger
        .one(revoke("v2", "ada", "g1", RevokeExtent::All))
        .await;
    assert_eq!(frozen.transactions.len(), 3, "revocation, debt and freeze");
    let again = ledger
        .one(revoke("v2", "ada", "g1", RevokeExtent::All))
        .await;
    assert_eq!(again.transactions, frozen.transactions);
    let refused = ledger.one(consume("c5", "ada", 1)).await;
    assert_eq!(code(&refused), Some(Refusal::WalletFrozen));
    ledger.verify().await;
}

pub async fn a_period_that_is_due_repays_before_the_next_command(mut ledger: TestLedger) {
    let active = SubscriptionStatus::Active;
    ledger.one(promote("g1", "ada", 90, None)).await;
    ledger.one(consume("c1", "ada", 90)).await;
    let start = ledger.now;
    let event = subscribe("e1", "ada", "sub", "pro", active, start);
    assert_eq!(ledger.one(event).await.amount, 200);
    ledger.one(consume("c2", "ada", 200)).await;
    ledger
        .one(revoke("v1", "ada", "g1", RevokeExtent::All))
        .await;
    assert_eq!(wallet(&ledger).await, (0, 90));
    ledger.now += TimeDelta::days(32);
    let spent = ledger.one(consume("c3", "ada", 110)).await;
    assert_eq!((spent.amount, spent.balance), (-110, Some(0)));
    assert_eq!(wallet(&ledger).await, (0, 0));
    ledger.verify().await;
}

/// Conformance: Revocations and debt: All revocations of a deposit together never revoke more than
/// it brought, also when they race
pub async fn revocations_that_race_never_exceed_the_deposit(ledger: TestLedger) {
    const EACH: usize = 30;
    ledger.one(buy_credits("p1", "ada", 100)).await;
    ledger.one(consume("c1", "ada", 40)).await;
    let mut writers = Vec::new();
    for writer in 0..3_usize {
        let (store, rules, now) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
        );
        writers.push(tokio::spawn(async move {
            let mut revoked = 0;
            for nth in 0..EACH {
                let reference = format!("v-{writer}-{nth}");
                let command = revoke(&reference, "ada", "p1", RevokeExtent::Amount(3));
                let decisions = store.commit_group(&[command], &rules, now).await;
                let outcome = settled(&decisions.expect("no deadlock")[0]);
                let refused = outcome.status() == Status::Failed;
                assert!(!refused || code(&outcome) == Some(Refusal::RevokeExceedsCredits));
                revoked += effect(&outcome).revoked.unwrap_or(0);
            }
            revoked
        }));
    }
    let mut revoked = 0;
    for writer in writers {
        revoked += writer.await.expect("a writer");
    }
    assert_eq!(revoked, 99);
    assert_eq!(wallet(&ledger).await, (0, 39));
    ledger.verify().await;
}

/// Conformance: Revocations and debt: A revocation is reinstated once
pub async fn a_race_of_reinstatements_returns_the_credits_once(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 100)).await;
    ledger.one(consume("c1", "ada", 40)).await;
    ledger
        .one(revoke("v1", "ada", "p1", RevokeExtent::All))
        .await;
    let mut writers = Vec::new();
    for writer in 0..4_usize {
        let (store, rules, now) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
        );
        writers.push(tokio::spawn(async move {
            let command = reinstate(&format!("w-{writer}"), "ada", "v1");
            let decisions = store.commit_group(&[command], &rules, now).await;
            settled(&decisions.expect("no deadlock")[0])
        }));
    }
    let mut outcomes = Vec::new();
    for writer in writers {
        outcomes.push(writer.await.expect("a writer"));
    }
    let refused = Some(Refusal::AlreadyReinstated);
    let codes = outcomes.iter().map(code);
    assert_eq!(codes.filter(|code| *code == refused).count(), 3);
    let total: i64 = outcomes.iter().map(|outcome| outcome.amount).sum();
    assert_eq!((total, wallet(&ledger).await), (60, (60, 0)));
    ledger.verify().await;
}

pub async fn a_consumption_after_a_revocation_finds_all_its_batches(ledger: TestLedger) {
    let purchases: Vec<_> = (0..40)
        .map(|nth| buy_credits(&format!("p{nth}"), "ada", 10))
        .collect();
    ledger.settle(&purchases).await;
    let outcomes = ledger
        .settle(&[
            revoke("v1", "ada", "p0", RevokeExtent::All),
            revoke("v2", "ada", "p39", RevokeExtent::Amount(5)),
            consume("c1", "ada", 155),
            consume("c2", "ada", 200),
        ])
        .await;
    let amounts: Vec<_> = outcomes.iter().map(|outcome| outcome.amount).collect();
    assert_eq!(amounts, [-10, -5, -155, -200]);
    let last = "SELECT remaining FROM credits_batch WHERE status = 'ACTIVE' ORDER BY id LIMIT 1";
    assert_eq!(ledger.number(last).await, 5, "the oldest are spent first");
    ledger.verify().await;
}

pub async fn one_refund_repays_a_debt_from_two_batches(ledger: TestLedger) {
    let all = RevokeExtent::All;
    for command in [
        buy_credits("p1", "ada", 100),
        consume("c1", "ada", 60),
        revoke("v1", "ada", "p1", all),
        promote("g1", "ada", 60, None),
        reinstate("w1", "ada", "v1"),
        consume("c2", "ada", 100),
        revoke("v2", "ada", "p1", all),
    ] {
        assert_eq!(code(&ledger.one(command).await), None);
    }
    let refunded = ledger.one(refund("b1", "ada", "c2", None)).await;
    assert_eq!((refunded.amount, effect(&refunded).repaid), (0, Some(100)));
    assert_eq!(wallet(&ledger).await, (0, 0));
    ledger.verify().await;
}
