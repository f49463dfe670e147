//! What a user has.

use chrono::TimeDelta;
use ledger::{SubscriptionStatus::Active, period};
use producer_sdk::{
    Command,
    contract::{BalanceResult, ExpiringBatch, NextGrant},
};
use serde_json::json;
use tests::ledger::{consume, promote, register, subscribe};

use crate::stage::{On, Stage, ago, code};

pub async fn a_balance_names_what_lapses_next_and_the_next_grant_of_the_paid_plan(on: On) {
    let stage = Stage::new(on, "").await;
    let now = stage.ledger.now;
    let commands = [
        register("r", "ada"),
        subscribe("s", "ada", "sub-ada", "pro", Active, now),
        promote("p", "ada", 5, Some(7)),
    ];
    stage.ledger.settle(&commands).await;
    let expected = BalanceResult {
        user_id: "ada".to_owned(),
        available_credits: 20 + 200 + 5,
        balance: 20 + 200 + 5,
        held: 0,
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
    assert_eq!(stage.client.balance("ada").await.expect("a balance"), expected);
    stage.end().await;
}

pub async fn a_balance_is_worded_as_the_contract_says_and_names_the_grant_of_the_free_plan(on: On) {
    let stage = Stage::new(on, "").await;
    let now = stage.ledger.now;
    stage.ledger.one(register("r", "ada")).await;
    let expires_at = now + TimeDelta::days(30);
    let grant_date = period::start(now, 1);
    let expected = json!({
        "type": "balance",
        "status": "ok",
        "result": {
            "userId": "ada", "availableCredits": 20, "balance": 20, "held": 0, "totalEarned": 20,
            "totalSpent": 0, "status": "ACTIVE", "version": 1,
            "nextExpiringBatch": {"amount": 20, "expiresAt": expires_at},
            "nextGrantInfo": {"amount": 10, "grantDate": grant_date, "planName": "free"},
        },
    });
    let answer = stage.wire(&json!({"type": "balance", "userId": "ada"})).await;
    assert_eq!(answer, expected);
    stage.end().await;
}

pub async fn a_balance_counts_a_period_that_is_due_as_granted(on: On) {
    let mut stage = Stage::new(on, "").await;
    let began = ago(TimeDelta::days(40));
    stage.ledger.now = began;
    let commands = [
        subscribe("s", "ada", "sub-ada", "pro", Active, began),
        consume("c", "ada", 200),
    ];
    stage.ledger.settle(&commands).await;
    let second = period::start(began, 1);
    let found = stage.client.balance("ada").await.expect("a balance");
    assert_eq!(
        (found.available_credits, found.balance, found.total_earned),
        (200, 200, 400)
    );
    assert_eq!(
        found.next_expiring_batch,
        Some(ExpiringBatch {
            amount: 200,
            expires_at: second + TimeDelta::days(30),
        })
    );
    let next = found.next_grant_info.expect("the next grant");
    assert_eq!((next.amount, next.grant_date), (200, period::start(began, 2)));
    stage.ledger.now = ago(TimeDelta::zero());
    assert_eq!(stage.ledger.one(consume("c2", "ada", 200)).await.balance, Some(0));
    stage.end().await;
}

pub async fn a_balance_leaves_out_what_lapsed_and_follows_each_change(on: On) {
    let mut stage = Stage::new(on, "").await;
    stage.ledger.now = ago(TimeDelta::days(3));
    let commands = [
        promote("lapses", "ada", 10, Some(1)),
        promote("stays", "ada", 7, None),
    ];
    stage.ledger.settle(&commands).await;
    let before = stage.client.balance("ada").await.expect("a balance");
    assert_eq!(
        (before.balance, before.available_credits, before.version),
        (17, 7, 1)
    );
    assert_eq!(before.next_expiring_batch, None);
    assert_eq!(before.next_grant_info, None);

    let spend = Command::consume("spend", "ada", "google:chat");
    let spent = stage.client.send(&spend).await.expect("an outcome");
    assert_eq!((spent.balance, spent.available), (Some(15), Some(5)));
    let freeze = Command::freeze("freeze", "ada", "chargeback", "ops:maria");
    let frozen = stage.client.send(&freeze).await.expect("an outcome");
    assert!(frozen.is_completed(), "{frozen:?}");

    let after = stage.client.balance("ada").await.expect("a balance");
    assert_eq!(
        (after.balance, after.available_credits, after.version),
        (15, 5, 3)
    );
    assert_eq!((after.total_earned, after.total_spent), (17, 2));
    assert_eq!(after.status, "FROZEN");
    stage.end().await;
}

pub async fn who_has_no_wallet_has_no_balance_no_batches_and_no_history(on: On) {
    let stage = Stage::new(on, "").await;
    stage.ledger.one(register("r", "ada")).await;
    let client = &stage.client;
    assert_eq!(code(client.balance("eve").await), "wallet_not_found");
    assert_eq!(code(client.batches("eve").await), "wallet_not_found");
    assert_eq!(code(client.transactions("eve", 0, 10).await), "wallet_not_found");
    let answer = stage.wire(&json!({"type": "balance", "userId": "eve"})).await;
    assert_eq!(
        (&answer["type"], &answer["status"]),
        (&json!("balance"), &json!("error"))
    );
    assert_eq!(answer["error"]["code"], "wallet_not_found");
    assert!(answer["error"]["message"].is_string() && answer.get("result").is_none());
    stage.end().await;
}

pub async fn an_id_from_before_the_rule_for_new_ones_can_be_asked_for(on: On) {
    let stage = Stage::new(on, "").await;
    for user in ["a\u{a0}b", "\u{3164}", "a\u{2028}b", "a\u{fe0f}b"] {
        stage
            .ledger
            .one(promote(&format!("p-{user}"), user, 5, None))
            .await;
        let balance = stage.client.balance(user).await.expect("a balance");
        assert_eq!((balance.user_id.as_str(), balance.balance), (user, 5));
        assert_eq!(stage.client.batches(user).await.expect("batches").items.len(), 1);
        let history = stage.client.transactions(user, 0, 10).await.expect("a history");
        assert_eq!(history.items.len(), 1);
        let refused = stage.client.send(&Command::consume("c", user, "s")).await;
        assert!(refused.expect_err("a new command").is_rejected());
    }
    stage.end().await;
}
