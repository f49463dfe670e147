//! Whether a user may buy a package.

use chrono::TimeDelta;
use ledger::{
    Item,
    SubscriptionStatus::{Active, Canceled, PastDue, Trialing},
};
use producer_sdk::{Query, contract::CanPurchaseResult};
use serde_json::json;
use tests::ledger::{buy, buy_credits, consume, register, subscribe};

use crate::{
    shop::{PACKAGES, small},
    stage::{On, Stage, ago},
};

/// A package by its id, or by its price id.
type Wanted = (Option<&'static str>, Option<&'static str>);

const ANY: Wanted = (None, None);
const SMALL: Wanted = (Some("small"), None);
const SMALL_BY_PRICE: Wanted = (None, Some("price_small"));
const GONE: Wanted = (Some("gone"), None);
const GONE_BY_PRICE: Wanted = (None, Some("price_gone"));
const UNKNOWN: Wanted = (Some("price_small"), None);
const UNKNOWN_BY_PRICE: Wanted = (None, Some("small"));

async fn ask(stage: &Stage, user: &str, (package_id, price_id): Wanted) -> CanPurchaseResult {
    let query = Query::CanPurchase {
        user_id: user.to_owned(),
        package_id: package_id.map(ToOwned::to_owned),
        price_id: price_id.map(ToOwned::to_owned),
    };
    stage.ask(&query).await
}

/// Why somebody may not buy.
async fn reason(stage: &Stage, user: &str, wanted: Wanted) -> Option<String> {
    let result = ask(stage, user, wanted).await;
    assert_eq!(result.user_id, user);
    assert_eq!(result.allowed, result.reason.is_none(), "{result:?}");
    result.reason
}

pub async fn who_may_buy_is_told_so_with_the_package_he_asked_for(on: On) {
    let stage = Stage::new(on, PACKAGES).await;
    stage.ledger.one(register("r", "ada")).await;
    // Who has no wallet gets one with his first purchase.
    for user in ["ada", "eve"] {
        let allowed = |package| CanPurchaseResult {
            user_id: user.to_owned(),
            allowed: true,
            reason: None,
            over_cap: false,
            package,
        };
        assert_eq!(ask(&stage, user, SMALL).await, allowed(Some(small())));
        assert_eq!(ask(&stage, user, SMALL_BY_PRICE).await, allowed(Some(small())));
        assert_eq!(ask(&stage, user, ANY).await, allowed(None));
        let by_client = stage.client.can_purchase(user, "small").await;
        assert_eq!(by_client.expect("an answer"), allowed(Some(small())));
    }
    let answer = stage.wire(&json!({"type": "canPurchase", "userId": "ada"})).await;
    let expected = json!({
        "type": "canPurchase",
        "status": "ok",
        "result": {"userId": "ada", "allowed": true},
    });
    assert_eq!(answer, expected);
    stage.end().await;
}

pub async fn a_package_that_is_unknown_or_not_for_sale_cannot_be_bought(on: On) {
    let stage = Stage::new(on, PACKAGES).await;
    stage.ledger.one(register("r", "ada")).await;
    for wanted in [UNKNOWN, UNKNOWN_BY_PRICE] {
        let result = ask(&stage, "ada", wanted).await;
        assert_eq!(
            (result.allowed, result.reason.as_deref()),
            (false, Some("unknown_package"))
        );
        assert_eq!(result.package, None);
    }
    for wanted in [GONE, GONE_BY_PRICE] {
        let result = ask(&stage, "ada", wanted).await;
        assert_eq!(
            (result.allowed, result.reason.as_deref()),
            (false, Some("package_disabled"))
        );
        assert_eq!(result.package.expect("it is known").id, "gone");
    }
    stage.end().await;
}

pub async fn where_a_paid_plan_is_required_only_who_has_one_may_buy(on: On) {
    let config = format!("[ledger]\nallow_free_user_purchase_packages = false\n{PACKAGES}");
    let mut stage = Stage::new(on, &config).await;
    let now = stage.ledger.now;
    let about = |reference: &str, user: &str, status, at| {
        let id = format!("sub-{user}");
        subscribe(reference, user, &id, "pro", status, at)
    };
    let commands = [
        register("r", "free"),
        about("paying", "paying", Active, now),
        about("trying", "trying", Trialing, now),
        about("former", "former", Active, now),
        about("late", "late", Active, now),
    ];
    stage.ledger.settle(&commands).await;
    let later = now + TimeDelta::minutes(1);
    stage.ledger.now = later;
    let commands = [
        about("canceled", "former", Canceled, later),
        about("past due", "late", PastDue, later),
    ];
    stage.ledger.settle(&commands).await;

    for user in ["paying", "trying"] {
        for wanted in [SMALL, SMALL_BY_PRICE, ANY] {
            assert_eq!(reason(&stage, user, wanted).await, None, "{user} {wanted:?}");
        }
    }
    for user in ["free", "former", "late", "eve"] {
        for wanted in [SMALL, SMALL_BY_PRICE, ANY] {
            let reason = reason(&stage, user, wanted).await;
            assert_eq!(reason.as_deref(), Some("paid_plan_required"), "{user} {wanted:?}");
        }
        assert_eq!(ask(&stage, user, SMALL).await.package, Some(small()));
    }
    // What is wrong with the package comes before what is missing from the user.
    for (user, wanted, expected) in [
        ("free", GONE, "package_disabled"),
        ("paying", GONE, "package_disabled"),
        ("free", UNKNOWN, "unknown_package"),
        ("paying", UNKNOWN, "unknown_package"),
    ] {
        let reason = reason(&stage, user, wanted).await;
        assert_eq!(reason.as_deref(), Some(expected), "{user} {wanted:?}");
    }
    stage.end().await;
}

pub async fn nothing_can_be_bought_while_credits_are_disabled(on: On) {
    let config = format!("[ledger]\nenabled = false\n{PACKAGES}");
    let mut stage = Stage::new(on, &config).await;
    stage.ledger.one(register("r", "ada")).await;
    for wanted in [SMALL, SMALL_BY_PRICE, ANY, GONE, UNKNOWN] {
        let reason = reason(&stage, "ada", wanted).await;
        assert_eq!(reason.as_deref(), Some("credits_disabled"), "{wanted:?}");
    }
    let balance = stage.client.balance("ada").await.expect("a balance");
    assert_eq!((balance.balance, balance.next_grant_info), (20, None));
    stage.restart(PACKAGES).await;
    assert_eq!(reason(&stage, "ada", SMALL).await, None);
    stage.end().await;
}

pub async fn a_purchase_over_the_cap_is_allowed_and_said_to_be_so(on: On) {
    let config = format!("[ledger]\nmax_user_balance = 1000\n{PACKAGES}");
    let mut stage = Stage::new(on, &config).await;
    stage.ledger.now = ago(TimeDelta::days(3));
    let lapsing = Item::Credits {
        credits: 946,
        validity_days: Some(1),
    };
    // `small` brings 50 and a bonus of 5.
    let commands = [
        buy_credits("b-1", "just-fits", 945),
        buy_credits("b-2", "too-many", 946),
        buy_credits("b-3", "rich", 1001),
        buy("b-4", "lapsed", lapsing),
    ];
    stage.ledger.settle(&commands).await;
    for (user, wanted, over_cap) in [
        ("just-fits", SMALL, false),
        ("just-fits", SMALL_BY_PRICE, false),
        ("just-fits", (Some("medium"), None), true),
        ("just-fits", ANY, false),
        ("too-many", SMALL, true),
        ("too-many", SMALL_BY_PRICE, true),
        ("too-many", ANY, false),
        ("rich", ANY, true),
        ("lapsed", SMALL, false),
        ("eve", (Some("giant"), None), true),
        ("eve", SMALL, false),
    ] {
        let result = ask(&stage, user, wanted).await;
        assert_eq!(
            (result.allowed, result.over_cap),
            (true, over_cap),
            "{user} {wanted:?}"
        );
    }
    let body = json!({"type": "canPurchase", "userId": "too-many", "priceId": "price_small"});
    assert_eq!(stage.wire(&body).await["result"]["overCap"], true);
    stage.end().await;
}

pub async fn a_period_that_is_due_counts_towards_the_cap(on: On) {
    let config = format!("[ledger]\nmax_user_balance = 240\n{PACKAGES}");
    let mut stage = Stage::new(on, &config).await;
    let began = ago(TimeDelta::days(40));
    stage.ledger.now = began;
    let commands = [
        subscribe("s", "ada", "sub-ada", "pro", Active, began),
        consume("c", "ada", 200),
    ];
    stage.ledger.settle(&commands).await;
    // 200 of the second period, and the 55 of `small`.
    for (wanted, over_cap) in [(SMALL, true), (ANY, false)] {
        let result = ask(&stage, "ada", wanted).await;
        assert_eq!((result.allowed, result.over_cap), (true, over_cap), "{wanted:?}");
    }
    stage.end().await;
}
