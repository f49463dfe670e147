//! The query for a balance.

use chrono::TimeDelta;
use ledger::{SubscriptionStatus::Active, period};
use producer_sdk::{
    Command,
    contract::{BalanceResult, ExpiringBatch, NextGrant},
};
use serde_json::json;
use testkit::ledger::{consume, promote, register, subscribe};

use super::fixture::{Fixture, On, ago, code};

/// Conformance: Queries and Redis: The `balance` query returns the next grant of a plan as
/// `nextGrantInfo`
pub async fn a_balance_names_the_next_expiry_and_the_next_grant_of_the_paid_plan(on: On) {
    let fixture = Fixture::new(on, "").await;
    let now = fixture.ledger.now;
    let commands = [
        register("r", "ada"),
        subscribe("s", "ada", "sub-ada", "pro", Active, now),
        promote("p", "ada", 5, Some(7)),
    ];
    fixture.ledger.settle(&commands).await;
    let expected = BalanceResult {
        user_id: "ada".to_owned(),
        available_credits: 20 + 200 + 5,
        balance: 20 + 200 + 5,
        held: 0,
        holds_end_at: None,
        debt: 0,
        total_earned: 20 + 200 + 5,
        total_spent: 0,
        status: "ACTIVE".to_owned(),
        next_expiring_batch: Some(ExpiringBatch {
            amount: 5,
            expires_at: now + TimeDelta::days(7),
        }),
        next_grant_info: Some(NextGrant {
            amount: 200,
            grant_date: period::start(now, 1),
            plan_name: "pro".to_owned(),
        }),
        version: 1,
    };
    assert_eq!(
        fixture.client.balance("ada").await.expect("a balance"),
        expected
    );
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `balance` query returns the next grant of a plan as
/// `nextGrantInfo`
pub async fn a_balance_has_the_format_of_the_contract_and_names_the_free_plans_grant(on: On) {
    let fixture = Fixture::new(on, "").await;
    let now = fixture.ledger.now;
    fixture.ledger.one(register("r", "ada")).await;
    let expires_at = now + TimeDelta::days(30);
    let grant_date = period::start(now, 1);
    let expected = json!({
        "type": "balance",
        "status": "ok",
        "result": {
            "userId": "ada", "availableCredits": 20, "balance": 20, "held": 0, "debt": 0,
            "totalEarned": 20, "totalSpent": 0, "status": "ACTIVE", "version": 1,
            "nextExpiringBatch": {"amount": 20, "expiresAt": expires_at},
            "nextGrantInfo": {"amount": 10, "grantDate": grant_date, "planName": "free"},
        },
    });
    let answer = fixture
        .wire(&json!({"type": "balance", "userId": "ada"}))
        .await;
    assert_eq!(answer, expected);
    fixture.end().await;
}

/// Conformance: Commands: A reported balance includes periods that are due but not yet granted
pub async fn a_balance_counts_a_period_that_is_due_as_granted(on: On) {
    let mut fixture = Fixture::new(on, "").await;
    let began = ago(TimeDelta::days(40));
    fixture.ledger.now = began;
    let commands = [
        subscribe("s", "ada", "sub-ada", "pro", Active, began),
        consume("c", "ada", 200),
    ];
    fixture.ledger.settle(&commands).await;
    let second = period::start(began, 1);
    let balance = fixture.client.balance("ada").await.expect("a balance");
    assert_eq!(
        (
            balance.available_credits,
            balance.balance,
            balance.total_earned
        ),
        (200, 200, 400)
    );
    assert_eq!(
        balance.next_expiring_batch,
        Some(ExpiringBatch {
            amount: 200,
            expires_at: second + TimeDelta::days(30),
        })
    );
    let next = balance.next_grant_info.expect("the next grant");
    assert_eq!(
        (next.amount, next.grant_date),
        (200, period::start(began, 2))
    );
    fixture.ledger.now = ago(TimeDelta::zero());
    assert_eq!(
        fixture.ledger.one(consume("c2", "ada", 200)).await.balance,
        Some(0)
    );
    fixture.end().await;
}

pub async fn a_balance_excludes_expired_credits_and_follows_each_change(on: On) {
    let mut fixture = Fixture::new(on, "").await;
    fixture.ledger.now = ago(TimeDelta::days(3));
    let commands = [
        promote("lapses", "ada", 10, Some(1)),
        promote("stays", "ada", 7, None),
    ];
    fixture.ledger.settle(&commands).await;
    let before = fixture.client.balance("ada").await.expect("a balance");
    assert_eq!(
        (before.balance, before.available_credits, before.version),
        (17, 7, 1)
    );
    assert_eq!(before.next_expiring_batch, None);
    assert_eq!(before.next_grant_info, None);

    let spend = Command::consume("spend", "ada", "google:chat");
    let spent = fixture.client.send(&spend).await.expect("an outcome");
    assert_eq!((spent.balance, spent.available), (Some(15), Some(5)));
    let freeze = Command::freeze("freeze", "ada", "chargeback", "ops:maria");
    let frozen = fixture.client.send(&freeze).await.expect("an outcome");
    assert!(frozen.is_completed(), "{frozen:?}");

    let after = fixture.client.balance("ada").await.expect("a balance");
    assert_eq!(
        (after.balance, after.available_credits, after.version),
        (15, 5, 3)
    );
    assert_eq!((after.total_earned, after.total_spent), (17, 2));
    assert_eq!(after.status, "FROZEN");
    // Reason and actor are internal notes of operators.
    let history = fixture
        .client
        .transactions("ada", 0, 1)
        .await
        .expect("a page");
    let detail = history.items[0].detail.as_ref().expect("a detail");
    assert_eq!(detail["request"]["type"], "freeze", "{detail}");
    assert_eq!(
        (
            detail["request"].get("reason"),
            detail["request"].get("actor")
        ),
        (None, None)
    );
    fixture.end().await;
}

pub async fn a_user_without_a_wallet_has_no_balance_no_batches_and_no_history(on: On) {
    let fixture = Fixture::new(on, "").await;
    fixture.ledger.one(register("r", "ada")).await;
    let client = &fixture.client;
    assert_eq!(code(client.balance("eve").await), "wallet_not_found");
    assert_eq!(code(client.batches("eve").await), "wallet_not_found");
    assert_eq!(
        code(client.transactions("eve", 0, 10).await),
        "wallet_not_found"
    );
    let answer = fixture
        .wire(&json!({"type": "balance", "userId": "eve"}))
        .await;
    assert_eq!(
        (&answer["type"], &answer["status"]),
        (&json!("balance"), &json!("error"))
    );
    assert_eq!(answer["error"]["code"], "wallet_not_found");
    assert!(answer["error"]["message"].is_string() && answer.get("result").is_none());
    fixture.end().await;
}

pub async fn an_id_from_before_the_rule_for_ids_can_be_queried(on: On) {
    let fixture = Fixture::new(on, "").await;
    for user in ["a\u{a0}b", "\u{3164}", "a\u{2028}b", "a\u{fe0f}b"] {
        fixture
            .ledger
            .one(promote(&format!("p-{user}"), user, 5, None))
            .await;
        let balance = fixture.client.balance(user).await.expect("a balance");
        assert_eq!((balance.user_id.as_str(), balance.balance), (user, 5));
        assert_eq!(
            fixture
                .client
                .batches(user)
                .await
                .expect("batches")
                .items
                .len(),
            1
        );
        let history = fixture
            .client
            .transactions(user, 0, 10)
            .await
            .expect("a history");
        assert_eq!(history.items.len(), 1);
        let refused = fixture.client.send(&Command::consume("c", user, "s")).await;
        assert!(refused.expect_err("a new command").is_rejected());
    }
    fixture.end().await;
}
