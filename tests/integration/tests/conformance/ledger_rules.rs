//! The rules of the ledger, through the database.

use chrono::TimeDelta;
use ledger::{Decision, DefaultPrice, Item, Price, Refusal, Status};
use sea_orm::EntityTrait;
use testkit::ledger::{
    TestLedger, buy, buy_credits, buy_package, consume, expire, late, promote, register,
    use_service,
};

/// Conformance: Amounts, time and spending order: With `validityDays` d, credits expire d × 24
/// hours after they are granted
/// Conformance: Amounts, time and spending order: Credits are spent by earliest expiry
/// (never-expiring last), then free before paid, then older, then smaller id
pub async fn credits_that_expire_first_are_spent_first(ledger: TestLedger) {
    let days = |days| Some(days);
    ledger
        .settle(&[
            buy(
                "never",
                "ada",
                Item::Credits {
                    credits: 10,
                    validity_days: None,
                },
            ),
            buy(
                "paid-10",
                "ada",
                Item::Credits {
                    credits: 10,
                    validity_days: days(10),
                },
            ),
            promote("free-10", "ada", 10, days(10)),
            promote("free-5", "ada", 10, days(5)),
        ])
        .await;
    let outcome = ledger.one(consume("c1", "ada", 35)).await;
    let batches = entity::credits_batch::Entity::find()
        .all(ledger.store.read_connection())
        .await
        .expect("batches");
    let mut order = Vec::new();
    for allocation in &outcome.allocations {
        let batch = batches
            .iter()
            .find(|batch| batch.id == allocation.batch_id)
            .expect("a batch");
        let paid = batch.paid_micros.is_some();
        let validity = batch.expires_at.map(|at| (at - batch.issued_at).num_days());
        order.push((
            validity,
            paid,
            allocation.amount,
            allocation.batch_remaining,
        ));
    }
    let expected = [
        (Some(5), false, -10, 0),
        (Some(10), false, -10, 0),
        (Some(10), true, -10, 0),
        (None, true, -5, 5),
    ];
    assert_eq!(order, expected);
    ledger.verify().await;
}

/// Conformance: Idempotency: Purchase bonuses and monthly grants have the derived references
/// `bonus:…` and `grant:…`
/// Conformance: Commands: The bonus of a package is a separate batch and a separate transaction
pub async fn a_purchase_with_a_bonus_is_two_batches_and_two_transactions(ledger: TestLedger) {
    let outcome = ledger.one(buy_package("p1", "ada", "lite")).await;
    assert_eq!(
        (outcome.amount, outcome.balance, outcome.available),
        (110, Some(110), Some(110))
    );
    assert_eq!(
        outcome
            .transactions
            .iter()
            .map(|(_, _, amount)| *amount)
            .collect::<Vec<_>>(),
        [100, 10]
    );
    let rows = entity::credits_transaction::Entity::find()
        .all(ledger.store.read_connection())
        .await
        .expect("rows");
    let bonus = rows
        .iter()
        .find(|row| row.reference_id == "bonus:p1")
        .expect("the bonus");
    assert_eq!(
        bonus.debit_account.as_deref(),
        Some("SYSTEM:purchase-bonus")
    );
    assert_eq!(bonus.credit_account.as_deref(), Some("WALLET:ada"));
    assert_eq!(bonus.related_id, Some(outcome.transactions[0].0));
    assert_eq!(
        ledger
            .number("SELECT COUNT(*) FROM credits_batch WHERE paid_micros = 9990000")
            .await,
        1
    );
    ledger.verify().await;
}

/// Conformance: Commands: Only `duplicate_payment` refuses a purchase; other failures become dead
/// letters `unapplied:{code}`, credited once fixed
pub async fn a_purchase_that_cannot_be_applied_writes_nothing(mut ledger: TestLedger) {
    ledger.one(buy_credits("p0", "bob", 5)).await;
    let before = ledger.fingerprint().await;
    let unapplied = |decisions: Vec<Decision>| match &decisions[0] {
        Decision::Unapplied(refused) => refused.code,
        Decision::Settled(outcome) => panic!("{outcome:?}"),
    };
    let unknown = buy_package("p1", "ada", "no-such-package");
    assert_eq!(
        unapplied(ledger.commit(&[unknown]).await),
        Refusal::UnknownPackage
    );
    let other = buy_credits("p0", "ada", 5);
    assert_eq!(
        unapplied(ledger.commit(&[other]).await),
        Refusal::ReferenceConflict
    );
    ledger.rules.enabled = false;
    assert_eq!(
        unapplied(ledger.commit(&[buy_credits("p2", "ada", 5)]).await),
        Refusal::CreditsDisabled
    );
    assert_eq!(
        ledger.fingerprint().await,
        before,
        "no wallet exists afterwards"
    );
    ledger.rules.enabled = true;
    assert_eq!(
        ledger.one(buy_credits("p2", "ada", 5)).await.balance,
        Some(5),
        "it can be applied later"
    );
}

/// Conformance: Amounts, time and spending order: A late event is judged by the time it happened,
/// at most `max_lateness` before it was received
pub async fn a_late_event_spends_credits_that_have_expired_since(mut ledger: TestLedger) {
    ledger.one(promote("g1", "ada", 10, Some(1))).await;
    ledger.now += TimeDelta::hours(30);
    let poor = ledger.one(consume("c1", "ada", 4)).await;
    assert_eq!(
        poor.refused.map(|refused| refused.code),
        Some(Refusal::InsufficientCredits)
    );
    let spent = ledger
        .one(late(
            consume("c2", "ada", 4),
            ledger.now,
            TimeDelta::hours(7),
        ))
        .await;
    assert_eq!(
        (spent.status(), spent.balance, spent.available),
        (Status::Completed, Some(6), Some(0))
    );
    let clamped = ledger
        .one(late(
            consume("c3", "ada", 1),
            ledger.now,
            TimeDelta::days(300),
        ))
        .await;
    assert_eq!(
        clamped.status(),
        Status::Completed,
        "no earlier than a day ago, when the batch was still valid"
    );
    ledger.verify().await;
}

/// Conformance: Amounts, time and spending order: The expiry job waits `max_lateness` after
/// `expires_at` before it takes expired credits
/// Conformance: Commands: A `promotion` grant has an amount and an optional validity, and opens the
/// wallet
/// Conformance: Commands: `expire` takes expired credits, is safe to repeat and stores no row of
/// its own
pub async fn expired_credits_are_taken_once(mut ledger: TestLedger) {
    ledger
        .settle(&[
            promote("g1", "ada", 10, Some(1)),
            promote("g2", "ada", 10, Some(9)),
            consume("c", "ada", 4),
        ])
        .await;
    ledger.now += TimeDelta::hours(30);
    let early = ledger.one(expire("ada", ledger.now)).await;
    assert_eq!(early.amount, 0, "late events may still come for a day");
    ledger.now += TimeDelta::hours(30);
    let expired = ledger.one(expire("ada", ledger.now)).await;
    assert_eq!(
        (expired.amount, expired.balance, expired.transactions.len()),
        (-6, Some(10), 1)
    );
    let before = ledger.fingerprint().await;
    assert_eq!(ledger.one(expire("ada", ledger.now)).await.amount, 0);
    assert_eq!(ledger.fingerprint().await, before);
    assert_eq!(
        ledger
            .number("SELECT COUNT(*) FROM credits_batch WHERE status = 'EXPIRED'")
            .await,
        1
    );
    ledger.verify().await;
}

/// Conformance: Commands: The registration bonus is given once per user and opens the wallet and
/// the free subscription
pub async fn a_registration_opens_the_wallet_once_and_the_free_subscription(ledger: TestLedger) {
    let first = ledger.one(register("g1", "ada")).await;
    assert_eq!((first.amount, first.balance), (20, Some(20)));
    let second = ledger.one(register("g2", "ada")).await;
    assert_eq!(
        second.refused.map(|refused| refused.code),
        Some(Refusal::AlreadyGranted)
    );
    let both = ledger
        .settle(&[register("g3", "bob"), register("g4", "bob")])
        .await;
    assert_eq!(
        both[1].refused.as_ref().map(|refused| refused.code),
        Some(Refusal::AlreadyGranted)
    );
    let subscriptions = entity::subscription::Entity::find()
        .all(ledger.store.read_connection())
        .await
        .expect("subscriptions");
    let free = subscriptions
        .iter()
        .find(|subscription| subscription.id == "free:ada")
        .expect("the free plan");
    assert_eq!(
        (free.user_id.as_str(), free.plan.as_str(), free.anchor),
        ("ada", "free", ledger.now)
    );
    ledger.verify().await;
}

/// Conformance: Commands: A `promotion` grant has an amount and an optional validity, and opens the
/// wallet
/// Conformance: Balance cap: A free grant is clipped to the cap and reports `granted` and
/// `clipped`; it fails with `max_balance_reached` if nothing fits
/// Conformance: Balance cap: A purchase above the cap is applied and flagged `overCap`
pub async fn a_free_grant_is_clipped_to_the_cap(mut ledger: TestLedger) {
    ledger.rules.max_user_balance = 100;
    let clipped = ledger.one(promote("g1", "ada", 130, None)).await;
    assert_eq!((clipped.amount, clipped.clipped), (100, Some(30)));
    let full = ledger.one(promote("g2", "ada", 1, None)).await;
    assert_eq!(
        full.refused.map(|refused| refused.code),
        Some(Refusal::MaxBalanceReached)
    );
    let bought = ledger.one(buy_credits("p1", "ada", 50)).await;
    assert_eq!((bought.amount, bought.over_cap), (50, true));
    ledger.verify().await;
}

/// Conformance: Commands: A consumption at price 0 is recorded and moves no credits
pub async fn a_free_service_is_recorded_and_moves_nothing(mut ledger: TestLedger) {
    ledger
        .rules
        .prices
        .insert("free".to_owned(), Price::each(0));
    ledger.one(buy_credits("p1", "ada", 5)).await;
    let free = ledger.one(use_service("c1", "ada", "free", None)).await;
    assert_eq!(
        (free.status(), free.amount, free.balance),
        (Status::Completed, 0, Some(5))
    );
    assert_eq!(
        ledger
            .number("SELECT transaction_count FROM credits_balance")
            .await,
        2
    );
    ledger.verify().await;
}

/// Conformance: Commands: A charge at the default price is marked in the outcome, in replayed
/// outcomes and in the history
pub async fn outcomes_with_the_default_price_are_marked_also_in_a_replay(mut ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 50)).await;
    let typo = |reference, quantity| use_service(reference, "ada", "googel:chat", Some(quantity));
    let refused = ledger.one(typo("c1", 50)).await.refused.expect("a refusal");
    assert_eq!(refused.code, Refusal::UnknownService, "refused by default");

    ledger.rules.default_price = DefaultPrice::Price(Price::each(1));
    for replayed in [false, true] {
        let charged = ledger.one(typo("c1", 40)).await;
        assert_eq!((charged.amount, charged.replayed), (-40, replayed));
        assert!(charged.default_price);
        let poor = ledger.one(typo("c2", 50)).await;
        assert_eq!((poor.status(), poor.replayed), (Status::Failed, replayed));
        assert!(poor.default_price);
        let priced = ledger
            .one(use_service("c3", "ada", "google:chat", None))
            .await;
        assert_eq!((priced.amount, priced.default_price), (-2, false));
    }
    ledger.verify().await;
}

/// Conformance: Commands: A `purchase` names a package, a price id or a number of credits, and
/// opens the wallet
pub async fn a_command_before_the_opening_of_the_wallet_is_refused(ledger: TestLedger) {
    let outcomes = ledger
        .settle(&[
            consume("c1", "ada", 1),
            buy_credits("p1", "ada", 5),
            consume("c2", "ada", 1),
        ])
        .await;
    assert_eq!(
        outcomes[0].refused.as_ref().map(|refused| refused.code),
        Some(Refusal::WalletNotFound)
    );
    assert_eq!(outcomes[2].balance, Some(4));
    ledger.verify().await;
}

/// Conformance: Amounts, time and spending order: Credits are spent by earliest expiry
/// (never-expiring last), then free before paid, then older, then smaller id
pub async fn a_wallet_of_a_thousand_batches_is_spent_in_order(ledger: TestLedger) {
    let grants: Vec<_> = (0..1000)
        .map(|n| promote(&format!("g{n}"), "ada", 2, Some(1 + n % 300)))
        .collect();
    ledger.settle(&grants).await;
    assert_eq!(
        ledger.one(consume("c1", "ada", 3)).await.allocations.len(),
        2
    );
    let many = ledger.one(consume("c2", "ada", 1001)).await;
    assert_eq!((many.allocations.len(), many.balance), (501, Some(996)));
    let group: Vec<_> = (0..400)
        .map(|n| consume(&format!("d{n}"), "ada", 2))
        .collect();
    assert!(
        ledger
            .settle(&group)
            .await
            .iter()
            .all(|outcome| outcome.status() == Status::Completed)
    );
    let rest = ledger.one(consume("c3", "ada", 197)).await;
    assert_eq!(
        rest.refused.and_then(|refused| refused.available),
        Some(196)
    );
    ledger.verify().await;
}

/// Conformance: Commands: `consume` takes an amount, or the price of the service times a quantity
pub async fn description_and_metadata_are_stored_as_sent(ledger: TestLedger) {
    let mut command = use_service("c1", "ada", "llm:tokens", Some(2417));
    command.description = Some("a long 'talk'; -- ünïcode 🦀".to_owned());
    command.metadata = Some(r#"{"model":"m","n":1.50}"#.to_owned());
    let command = late(command, ledger.now, TimeDelta::hours(1));
    ledger.settle(&[buy_credits("p1", "ada", 5), command]).await;
    let rows = entity::credits_transaction::Entity::find()
        .all(ledger.store.read_connection())
        .await
        .expect("rows");
    let row = rows
        .iter()
        .find(|row| row.reference_id == "c1")
        .expect("the row");
    assert_eq!(
        (row.amount, row.quantity, row.service.as_deref()),
        (-3, Some(2417), Some("llm:tokens"))
    );
    assert_eq!(
        row.description.as_deref(),
        Some("a long 'talk'; -- ünïcode 🦀")
    );
    assert_eq!(
        row.metadata,
        Some(serde_json::json!({ "model": "m", "n": 1.50 }))
    );
    assert_eq!(
        (row.occurred_at, row.created_at),
        (ledger.now - TimeDelta::hours(1), ledger.now)
    );
}
