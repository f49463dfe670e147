//! The query whether a user may purchase a package.

use chrono::TimeDelta;
use ledger::{
    Item,
    SubscriptionStatus::{Active, Canceled, PastDue, Trialing},
};
use producer_sdk::{Query, contract::CanPurchaseResult};
use serde_json::json;
use testkit::ledger::{buy, buy_credits, consume, register, subscribe};

use super::{
    fixture::{Fixture, On, ago},
    shop::{PACKAGES, small},
};

/// The package id and the price id of a query.
type Selection = (Option<&'static str>, Option<&'static str>);

const ANY: Selection = (None, None);
const SMALL: Selection = (Some("small"), None);
const SMALL_BY_PRICE: Selection = (None, Some("price_small"));
const GONE: Selection = (Some("gone"), None);
const GONE_BY_PRICE: Selection = (None, Some("price_gone"));
const UNKNOWN: Selection = (Some("price_small"), None);
const UNKNOWN_BY_PRICE: Selection = (None, Some("small"));

async fn query(
    fixture: &Fixture,
    user: &str,
    (package_id, price_id): Selection,
) -> CanPurchaseResult {
    let query = Query::CanPurchase {
        user_id: user.to_owned(),
        package_id: package_id.map(ToOwned::to_owned),
        price_id: price_id.map(ToOwned::to_owned),
    };
    fixture.query(&query).await
}

/// The reason for which a user may not purchase; `None` if the user may.
async fn reason(fixture: &Fixture, user: &str, selection: Selection) -> Option<String> {
    let result = query(fixture, user, selection).await;
    assert_eq!(result.user_id, user);
    assert_eq!(result.allowed, result.reason.is_none(), "{result:?}");
    result.reason
}

pub async fn a_user_who_may_purchase_gets_the_requested_package(on: On) {
    let fixture = Fixture::new(on, PACKAGES).await;
    fixture.ledger.one(register("r", "ada")).await;
    // A user without a wallet gets one with the first purchase.
    for user in ["ada", "eve"] {
        let allowed = |package| CanPurchaseResult {
            user_id: user.to_owned(),
            allowed: true,
            reason: None,
            over_cap: false,
            package,
        };
        assert_eq!(query(&fixture, user, SMALL).await, allowed(Some(small())));
        assert_eq!(
            query(&fixture, user, SMALL_BY_PRICE).await,
            allowed(Some(small()))
        );
        assert_eq!(query(&fixture, user, ANY).await, allowed(None));
        let by_client = fixture.client.can_purchase(user, "small").await;
        assert_eq!(by_client.expect("an answer"), allowed(Some(small())));
    }
    let answer = fixture
        .wire(&json!({"type": "canPurchase", "userId": "ada"}))
        .await;
    let expected = json!({
        "type": "canPurchase",
        "status": "ok",
        "result": {"userId": "ada", "allowed": true},
    });
    assert_eq!(answer, expected);
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `canPurchase` query returns the documented reason for each
/// case in which a user may not buy
pub async fn a_package_that_is_unknown_or_not_for_sale_cannot_be_bought(on: On) {
    let fixture = Fixture::new(on, PACKAGES).await;
    fixture.ledger.one(register("r", "ada")).await;
    for selection in [UNKNOWN, UNKNOWN_BY_PRICE] {
        let result = query(&fixture, "ada", selection).await;
        assert_eq!(
            (result.allowed, result.reason.as_deref()),
            (false, Some("unknown_package"))
        );
        assert_eq!(result.package, None);
    }
    for selection in [GONE, GONE_BY_PRICE] {
        let result = query(&fixture, "ada", selection).await;
        assert_eq!(
            (result.allowed, result.reason.as_deref()),
            (false, Some("package_disabled"))
        );
        assert_eq!(result.package.expect("a known package").id, "gone");
    }
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `canPurchase` query returns the documented reason for each
/// case in which a user may not buy
pub async fn only_users_with_a_paid_plan_may_purchase_if_it_is_required(on: On) {
    let config = format!("[ledger]\nallow_free_user_purchase_packages = false\n{PACKAGES}");
    let mut fixture = Fixture::new(on, &config).await;
    let now = fixture.ledger.now;
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
    fixture.ledger.settle(&commands).await;
    let later = now + TimeDelta::minutes(1);
    fixture.ledger.now = later;
    let commands = [
        about("canceled", "former", Canceled, later),
        about("past due", "late", PastDue, later),
    ];
    fixture.ledger.settle(&commands).await;

    for user in ["paying", "trying"] {
        for selection in [SMALL, SMALL_BY_PRICE, ANY] {
            assert_eq!(
                reason(&fixture, user, selection).await,
                None,
                "{user} {selection:?}"
            );
        }
    }
    for user in ["free", "former", "late", "eve"] {
        for selection in [SMALL, SMALL_BY_PRICE, ANY] {
            let reason = reason(&fixture, user, selection).await;
            assert_eq!(
                reason.as_deref(),
                Some("paid_plan_required"),
                "{user} {selection:?}"
            );
        }
        assert_eq!(query(&fixture, user, SMALL).await.package, Some(small()));
    }
    // A problem of the package comes before a problem of the user.
    for (user, selection, expected) in [
        ("free", GONE, "package_disabled"),
        ("paying", GONE, "package_disabled"),
        ("free", UNKNOWN, "unknown_package"),
        ("paying", UNKNOWN, "unknown_package"),
    ] {
        let reason = reason(&fixture, user, selection).await;
        assert_eq!(reason.as_deref(), Some(expected), "{user} {selection:?}");
    }
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `canPurchase` query returns the documented reason for each
/// case in which a user may not buy
pub async fn nothing_can_be_bought_while_credits_are_disabled(on: On) {
    let config = format!("[ledger]\nenabled = false\n{PACKAGES}");
    let mut fixture = Fixture::new(on, &config).await;
    fixture.ledger.one(register("r", "ada")).await;
    for selection in [SMALL, SMALL_BY_PRICE, ANY, GONE, UNKNOWN] {
        let reason = reason(&fixture, "ada", selection).await;
        assert_eq!(reason.as_deref(), Some("credits_disabled"), "{selection:?}");
    }
    let balance = fixture.client.balance("ada").await.expect("a balance");
    assert_eq!((balance.balance, balance.next_grant_info), (20, None));
    fixture.restart(PACKAGES).await;
    assert_eq!(reason(&fixture, "ada", SMALL).await, None);
    fixture.end().await;
}

/// Conformance: Balance cap: `canPurchase` reports in advance that a purchase would exceed the cap
pub async fn a_purchase_over_the_cap_is_allowed_and_flagged(on: On) {
    let config = format!("[ledger]\nmax_user_balance = 1000\n{PACKAGES}");
    let mut fixture = Fixture::new(on, &config).await;
    fixture.ledger.now = ago(TimeDelta::days(3));
    let lapsing = Item::Credits {
        credits: 946,
        validity_days: Some(1),
    };
    // `small` has 50 credits and a bonus of 5.
    let commands = [
        buy_credits("b-1", "just-fits", 945),
        buy_credits("b-2", "too-many", 946),
        buy_credits("b-3", "rich", 1001),
        buy("b-4", "lapsed", lapsing),
    ];
    fixture.ledger.settle(&commands).await;
    for (user, selection, over_cap) in [
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
        let result = query(&fixture, user, selection).await;
        assert_eq!(
            (result.allowed, result.over_cap),
            (true, over_cap),
            "{user} {selection:?}"
        );
    }
    let body = json!({"type": "canPurchase", "userId": "too-many", "priceId": "price_small"});
    assert_eq!(fixture.wire(&body).await["result"]["overCap"], true);
    fixture.end().await;
}

pub async fn a_period_that_is_due_counts_towards_the_cap(on: On) {
    let config = format!("[ledger]\nmax_user_balance = 240\n{PACKAGES}");
    let mut fixture = Fixture::new(on, &config).await;
    let began = ago(TimeDelta::days(40));
    fixture.ledger.now = began;
    let commands = [
        subscribe("s", "ada", "sub-ada", "pro", Active, began),
        consume("c", "ada", 200),
    ];
    fixture.ledger.settle(&commands).await;
    // The cap is exceeded by the 200 credits of the second period and the 55 of `small`.
    for (selection, over_cap) in [(SMALL, true), (ANY, false)] {
        let result = query(&fixture, "ada", selection).await;
        assert_eq!(
            (result.allowed, result.over_cap),
            (true, over_cap),
            "{selection:?}"
        );
    }
    fixture.end().await;
}
