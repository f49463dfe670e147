//! Refunds, through the database.

use chrono::TimeDelta;
use ledger::{Command, Item, Origin, Outcome, Refusal, Status};
use sea_orm::ConnectionTrait;
use testkit::ledger::{
    TestLedger, buy, buy_credits, consume, expire, freeze, promote, refund, settled,
};

fn code(outcome: &Outcome) -> Option<Refusal> {
    outcome.refused.as_ref().map(|refused| refused.code)
}

/// Conformance: Refunds: A refund returns credits to the batches they came from, last taken first
/// Conformance: Refunds: A refund is idempotent by its own reference
pub async fn a_refund_makes_spent_batches_active_again_and_is_replayed(ledger: TestLedger) {
    ledger
        .settle(&[
            promote("g1", "ada", 10, Some(10)),
            promote("g2", "ada", 10, Some(20)),
            buy_credits("p1", "ada", 10),
        ])
        .await;
    ledger.one(consume("c1", "ada", 25)).await;
    let first = ledger.one(refund("b1", "ada", "c1", Some(8))).await;
    assert_eq!((first.amount, first.balance), (8, Some(13)));
    let before = ledger.fingerprint().await;
    let again = ledger.one(refund("b1", "ada", "c1", Some(8))).await;
    assert!(again.replayed);
    assert_eq!(again.allocations, first.allocations);
    assert_eq!(
        ledger.fingerprint().await,
        before,
        "a replay writes nothing"
    );
    let rest = ledger.one(refund("b2", "ada", "c1", None)).await;
    assert_eq!((rest.amount, rest.balance), (17, Some(30)));
    let active = "SELECT count(*) FROM credits_batch WHERE status = 'ACTIVE' AND remaining = 10";
    assert_eq!(ledger.number(active).await, 3);
    assert_eq!(
        ledger
            .number("SELECT total_spent FROM credits_balance")
            .await,
        0
    );
    let spent = ledger.one(consume("c2", "ada", 30)).await;
    assert_eq!((spent.amount, spent.allocations.len()), (-30, 3));
    ledger.verify().await;
}

pub async fn a_consumption_and_its_refunds_in_one_group_are_exact(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 50)).await;
    let group = [
        consume("c1", "ada", 30),
        refund("b1", "ada", "c1", Some(10)),
        refund("b2", "ada", "c1", Some(15)),
        refund("b3", "ada", "c1", Some(6)),
        refund("b4", "ada", "c1", None),
        consume("c2", "ada", 50),
        refund("b5", "ada", "c2", Some(1)),
    ];
    let outcomes = ledger.settle(&group).await;
    let amounts: Vec<_> = outcomes.iter().map(|outcome| outcome.amount).collect();
    assert_eq!(amounts, [-30, 10, 15, 0, 5, -50, 1]);
    assert_eq!(code(&outcomes[3]), Some(Refusal::RefundExceedsConsumption));
    let again = ledger.settle(&group).await;
    assert!(again.iter().all(|outcome| outcome.replayed));
    assert_eq!(
        ledger
            .number("SELECT CAST(sum(refunded) AS bigint) FROM credits_refund")
            .await,
        31
    );
    ledger.verify().await;
}

/// Conformance: Refunds: Credits whose batch has expired come back as a new batch of the same
/// source, price share and currency, valid for `refunds.grace_days`
pub async fn credits_of_an_expired_batch_come_back_as_a_new_batch(mut ledger: TestLedger) {
    let item = Item::Credits {
        credits: 30,
        validity_days: Some(10),
    };
    ledger.one(buy("p1", "ada", item)).await;
    ledger.one(consume("c1", "ada", 20)).await;
    ledger.now += TimeDelta::days(12);
    ledger.settle(&[expire("ada", ledger.now)]).await;
    let first = ledger.one(refund("b1", "ada", "c1", Some(7))).await;
    assert_eq!((first.amount, first.balance), (7, Some(7)));
    let rest = ledger.one(refund("b2", "ada", "c1", None)).await;
    assert_eq!((rest.amount, rest.balance), (13, Some(20)));
    let new = "SELECT count(*) FROM credits_batch WHERE status = 'ACTIVE'
                AND source_type = 'PURCHASE' AND currency = 'USD'
                AND paid_micros = 9990000 * amount / 30";
    assert_eq!(ledger.number(new).await, 2);
    assert_eq!(
        ledger
            .number("SELECT count(*) FROM credits_batch WHERE status = 'EXPIRED'")
            .await,
        1
    );
    ledger.verify().await;
    ledger.now += TimeDelta::days(9);
    let taken = ledger.settle(&[expire("ada", ledger.now)]).await;
    assert_eq!(taken[0].amount, -20, "they are valid for a week");
    ledger.verify().await;
}

/// Conformance: Refunds: A frozen wallet accepts refunds
/// Conformance: Refunds: A refund of a refused consumption, an unknown reference or another user's
/// is refused with `original_not_found`
pub async fn a_refund_needs_a_consumption_of_the_same_user(ledger: TestLedger) {
    ledger
        .settle(&[
            buy_credits("p1", "ada", 50),
            buy_credits("p2", "bob", 50),
            consume("c1", "ada", 30),
            consume("c2", "ada", 30),
            freeze("f1", "ada", true),
        ])
        .await;
    let by_support = |command: Command| Command {
        origin: Origin::Funding,
        ..command
    };
    let outcomes = ledger
        .settle(&[
            refund("b1", "bob", "c1", None),
            refund("b2", "ada", "c2", None),
            refund("b3", "ada", "p1", None),
            refund("b4", "cem", "c1", None),
            refund("b5", "ada", "c1", Some(4)),
            by_support(refund("b5", "ada", "c1", Some(5))),
            by_support(refund("b6", "ada", "f1", None)),
        ])
        .await;
    let codes: Vec<_> = outcomes.iter().map(code).collect();
    let missing = Some(Refusal::OriginalNotFound);
    let no_wallet = Some(Refusal::WalletNotFound);
    assert_eq!(
        codes,
        [missing, missing, missing, no_wallet, None, None, missing]
    );
    assert_eq!((outcomes[4].amount, outcomes[5].amount), (4, 5));
    ledger.verify().await;
}

/// Conformance: Refunds: Refunds of one consumption never return more in total than it took
pub async fn refunds_that_race_never_exceed_the_consumption(ledger: TestLedger) {
    const EACH: usize = 40;
    ledger.one(buy_credits("p1", "ada", 100)).await;
    ledger.one(consume("c1", "ada", 100)).await;
    let mut writers = Vec::new();
    for writer in 0..3_usize {
        let (store, rules, now) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
        );
        writers.push(tokio::spawn(async move {
            let mut returned = 0;
            for nth in 0..EACH {
                let command = refund(&format!("b-{writer}-{nth}"), "ada", "c1", Some(3));
                let decisions = store.commit_group(&[command], &rules, now).await;
                let outcome = settled(&decisions.expect("no deadlock")[0]);
                let refused = outcome.status() == Status::Failed;
                assert!(!refused || code(&outcome) == Some(Refusal::RefundExceedsConsumption));
                returned += outcome.amount;
            }
            returned
        }));
    }
    let mut returned = 0;
    for writer in writers {
        returned += writer.await.expect("a writer");
    }
    assert_eq!(returned, 99);
    assert_eq!(
        ledger.number("SELECT refunded FROM credits_refund").await,
        99
    );
    ledger.verify().await;
}

/// Conformance: Refunds: The database refuses refunds that exceed their consumption
pub async fn the_database_counts_refunds_by_itself(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 100)).await;
    ledger.one(consume("c1", "ada", 10)).await;
    ledger.one(refund("b1", "ada", "c1", Some(4))).await;
    let raced = ledger
        .database
        .connection()
        .execute_unprepared("UPDATE credits_refund SET refunded = refunded + 7")
        .await;
    let error = raced.expect_err("11 of 10 credits").to_string();
    assert!(
        error.contains("credits_refund_within_consumption"),
        "{error}"
    );
}
