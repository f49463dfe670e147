//! Guards of the SDK.

use chrono::TimeDelta;
use producer_sdk::{
    Client, Command, HoldGuard, HoldResult, Usage,
    contract::{Origin, Outcome},
};
use testkit::ledger::promote;

use crate::queries::fixture::{Fixture, On, in_time};

/// 1 credit for each started 10 tokens.
pub const PRICES: &str = "[prices]\n\"llm:tokens\" = { credits = 1, per = 10 }\n";

/// A fixture in which the user `ada` has 100 credits, which never expire.
pub async fn with_credits(on: On) -> Fixture {
    let fixture = Fixture::new(on, PRICES).await;
    fixture.ledger.one(promote("p", "ada", 100, None)).await;
    fixture
}

pub async fn hold(client: &Client, reference: &str, tokens: i64) -> HoldGuard {
    let hold = Command::hold(reference, "ada", "llm:tokens").quantity(tokens);
    let held = in_time("the hold", client.hold(&hold)).await;
    held.expect("an outcome").into_result().expect("held")
}

/// A command as the ledger gets it from an app.
pub fn core(command: Command) -> ledger::Command {
    scrip::decode::command_of(command, Origin::Usage).expect("a command")
}

pub async fn available(client: &Client) -> (i64, i64, i64) {
    let balance = client.balance("ada").await.expect("a balance");
    (balance.balance, balance.held, balance.available_credits)
}

fn numbers(outcome: &Outcome) -> (Option<i64>, Option<i64>, Option<i64>) {
    assert!(outcome.is_completed(), "{outcome:?}");
    (outcome.amount, outcome.available, outcome.held)
}

pub async fn a_capture_charges_the_usage_and_returns_the_rest(on: On) {
    let fixture = with_credits(on).await;
    let client = &fixture.client;
    let mut guard = hold(client, "call", 400).await;
    assert_eq!(guard.held(), 40);
    let ends = guard.expires_at().expect("an end") - chrono::Utc::now();
    assert!(ends > TimeDelta::minutes(10), "{ends}");
    assert_eq!(numbers(guard.outcome()), (Some(0), Some(60), Some(40)));
    assert_eq!(available(client).await, (100, 40, 60));
    let captured = guard
        .capture(Usage::Quantity(123))
        .await
        .expect("an outcome");
    assert_eq!(numbers(&captured), (Some(-13), Some(87), Some(0)));
    assert_eq!(available(client).await, (87, 0, 87));
    fixture.end().await;
}

pub async fn an_agent_captures_step_by_step(on: On) {
    let fixture = with_credits(on).await;
    let client = &fixture.client;
    let mut guard = hold(client, "agent", 500).await;
    let first = guard.capture_step(Usage::Quantity(100)).await;
    assert_eq!(
        numbers(&first.expect("an outcome")),
        (Some(-10), Some(50), Some(40))
    );
    let second = guard.capture_step(Usage::Amount(5)).await;
    assert_eq!(
        numbers(&second.expect("an outcome")),
        (Some(-5), Some(50), Some(35))
    );
    let released = guard.release().await.expect("an outcome");
    assert_eq!(numbers(&released), (Some(0), Some(85), Some(0)));
    fixture.end().await;
}

pub async fn a_guard_that_is_dropped_returns_its_credits(on: On) {
    let fixture = with_credits(on).await;
    let client = &fixture.client;
    let guard = hold(client, "call", 400).await;
    drop(guard);
    // The release is sent in the background.
    let released = async {
        while available(client).await != (100, 0, 100) {
            tokio::task::yield_now().await;
        }
    };
    in_time("the release", released).await;
    let closed = client.all_holds("ada").await.expect("holds");
    assert_eq!(closed.items[0].status, "RELEASED");
    fixture.end().await;
}

pub async fn support_staff_release_the_hold_of_an_app(on: On) {
    let fixture = with_credits(on).await;
    let client = &fixture.client;
    let reference = hold(client, "stuck", 400).await.keep();
    let release = Command::release("ticket-1", "ada", reference).through(Origin::Funding);
    let released = client.send(&release).await.expect("an outcome");
    assert_eq!(numbers(&released), (Some(0), Some(100), Some(0)));
    fixture.end().await;
}

pub async fn parallel_holds_never_reserve_more_than_there_is(on: On) {
    let fixture = with_credits(on).await;
    let client = &fixture.client;
    let commands: Vec<Command> = (0..20)
        .map(|n| Command::hold(format!("call-{n}"), "ada", "llm:tokens").quantity(300))
        .collect();
    let results = commands.iter().map(|command| client.hold(command));
    let results = in_time("all holds", futures_util::future::join_all(results)).await;
    let mut held = Vec::new();
    for result in results {
        match result.expect("an outcome") {
            HoldResult::Held(guard) => held.push(guard),
            HoldResult::Refused(outcome) => {
                assert_eq!(outcome.error_code(), Some("insufficient_credits"));
            }
        }
    }
    assert_eq!(held.len(), 3);
    assert_eq!(available(client).await, (100, 90, 10));
    for mut guard in held {
        guard.capture(Usage::Rest).await.expect("an outcome");
    }
    assert_eq!(available(client).await, (10, 0, 10));
    fixture.end().await;
}
