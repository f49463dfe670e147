//! A ledger with every kind of row that a worker writes.

use chrono::TimeDelta;
use ledger::{Action, Consume, Price, SubscriptionStatus::Active};
use testkit::{
    db::TestDatabase,
    ledger::{
        TestLedger, buy_credits, buy_package, capture, consume, expire, freeze, grant_period, hold,
        late, promote, refund, register, release, subscribe, use_service,
    },
};

use super::story_of_debts;

/// A ledger with every kind of row that a worker writes.
pub async fn story(database: TestDatabase) -> TestLedger {
    let mut ledger = TestLedger::on(database).await;
    ledger
        .rules
        .prices
        .insert("free:look".to_owned(), Price { credits: 0, per: 1 });
    let start = ledger.now;
    let with_metadata = |mut command: ledger::Command| {
        command.sender = Some("team-a".to_owned());
        command.description = Some("a note".to_owned());
        command.metadata = Some(r#"{"model": "m"}"#.to_owned());
        command
    };
    ledger
        .settle(&[
            register("s1", "ann"),
            with_metadata(buy_package("p1", "ann", "lite")),
            subscribe("e1", "bob", "sub_1", "pro", Active, start),
            promote("g1", "bob", 50, Some(1)),
            buy_credits("p2", "cyd", 30),
            buy_credits("p5", "eve", 50),
            promote("g4", "fay", 9, None),
            with_metadata(hold("h1", "eve", 10)),
            hold("h2", "eve", 5),
            hold("h3", "eve", 3),
            hold("h4", "fay", 4),
        ])
        .await;
    ledger.one(release("r1", "eve", "h3")).await;
    let minute = TimeDelta::minutes(1);
    ledger.now += TimeDelta::hours(1);
    let mut step = late(capture("c8", "eve", "h1", Some(4)), ledger.now, minute * 50);
    if let Action::Capture(capture) = &mut step.action {
        capture.is_final = Some(false);
    }
    ledger
        .settle(&[
            with_metadata(use_service("c1", "ann", "llm:tokens", Some(33_000))),
            use_service("c2", "ann", "free:look", None),
            consume("c3", "ann", 10_000),
            consume("c4", "dan", 1),
            consume("c5", "cyd", 30),
            consume("c7", "bob", 8),
            register("s2", "ann"),
            step,
            late(capture("c9", "eve", "h2", Some(7)), ledger.now, minute * 55),
            capture("c10", "eve", "none", None),
            late(consume("c11", "fay", 2), ledger.now, minute),
            promote("g2", "bob", 20_000, None),
        ])
        .await;
    ledger.now += TimeDelta::hours(1);
    ledger
        .settle(&[freeze("f1", "cyd", true), freeze("f2", "ann", true)])
        .await;
    ledger.now += TimeDelta::hours(1);
    let mut frozen = consume("c6", "cyd", 3);
    frozen.action = Action::Consume(Consume {
        service: "google:chat".to_owned(),
        amount: None,
        quantity: Some(3),
    });
    ledger
        .settle(&[
            frozen,
            freeze("f3", "ann", false),
            freeze("f4", "dan", true),
        ])
        .await;
    ledger.now = start + TimeDelta::days(3);
    ledger.settle(&[expire("bob", ledger.now)]).await;
    // The first credits return to their batches, the others of an expired one to a new batch.
    ledger
        .settle(&[
            refund("b1", "ann", "c1", Some(3)),
            refund("b2", "ann", "c1", None),
            refund("b3", "ann", "c1", Some(1)),
            refund("b4", "ann", "c12", None),
            refund("b5", "bob", "c7", Some(5)),
            refund("b6", "dan", "c4", None),
            refund("b7", "eve", "c8", Some(2)),
        ])
        .await;
    ledger.now = start + TimeDelta::days(32);
    let second = ledger::period::start(start, 1);
    // The cap has no space left, so the period is refused.
    ledger
        .settle(&[
            buy_credits("p3", "bob", 20_000),
            promote("g3", "bob", 5, None),
        ])
        .await;
    ledger.settle(&[grant_period("bob", "sub_1", second)]).await;
    let mut again = buy_credits("p2", "cyd", 30);
    "p4".clone_into(&mut again.reference_id);
    ledger.settle(&[again]).await;
    ledger
        .settle(&[buy_credits("p6", "gus", 5), hold("h5", "gus", 2)])
        .await;
    ledger.verify().await;
    story_of_debts::add(&mut ledger).await;
    ledger.verify().await;
    ledger
}
