//! The queries for the prices of services and for packages.

use producer_sdk::{
    Query,
    contract::{MAX_AMOUNT, PackageItem, PackagesResult, PriceResult, Pricing},
};
use serde_json::json;

use super::fixture::{Fixture, On, code};

const PRICES: &str = r#"
[ledger]
default_consumption = { credits = 1, per = 10 }
[prices]
"google:chat" = 2
"llm:tokens" = { credits = 1, per = 1000 }
"search" = 0
"#;

const PRICES_ONLY: &str = r#"
[ledger]
default_consumption = "reject"
[prices]
"google:chat" = 2
"#;

/// Packages whose names are in another order than their sizes.
pub const PACKAGES: &str = r#"
[packages.giant]
credits = 9000
validity = "never"
[packages.gone]
enabled = false
credits = 100
validity_days = 90
price_id = "price_gone"
[packages.medium]
credits = 500
price = "29.99"
validity_days = 90
popular = true
[packages.small]
credits = 50
bonus = 5
price = "4.50"
currency = "EUR"
validity_days = 30
price_id = "price_small"
"#;

/// The package `small`.
pub fn small() -> PackageItem {
    PackageItem {
        id: "small".to_owned(),
        credits: 50,
        bonus: 5,
        validity_days: Some(30),
        price: Some("4.5".to_owned()),
        currency: Some("EUR".to_owned()),
        popular: false,
        price_id: Some("price_small".to_owned()),
    }
}

/// Conformance: Queries and Redis: The `price` query returns the cost of a service
pub async fn a_price_is_the_services_own_or_the_default_and_names_which(on: On) {
    let fixture = Fixture::new(on, PRICES).await;
    for (service, quantity, cost, (credits, per), is_default) in [
        ("google:chat", 1, 2, (2, 1), false),
        ("google:chat", 3, 6, (2, 1), false),
        ("llm:tokens", 1000, 1, (1, 1000), false),
        ("llm:tokens", 2417, 3, (1, 1000), false),
        ("search", 5, 0, (0, 1), false),
        ("unheard:of", 10, 1, (1, 10), true),
        ("unheard:of", 11, 2, (1, 10), true),
        ("unheard:of", MAX_AMOUNT, MAX_AMOUNT / 10, (1, 10), true),
    ] {
        let expected = PriceResult {
            service: service.to_owned(),
            quantity,
            credits: cost,
            pricing: Pricing { credits, per },
            is_default,
        };
        let price = fixture.client.price(service, quantity).await;
        assert_eq!(price.expect("a price"), expected);
    }
    let one = Query::Price {
        service: "google:chat".to_owned(),
        quantity: None,
    };
    let price: PriceResult = fixture.query(&one).await;
    assert_eq!((price.quantity, price.credits), (1, 2));

    let answer = fixture
        .wire(&json!({"type": "price", "service": "unheard:of", "quantity": 25}))
        .await;
    let expected = json!({
        "type": "price",
        "status": "ok",
        "result": {
            "service": "unheard:of", "quantity": 25, "credits": 3, "pricing": {"credits": 1, "per": 10},
            "isDefault": true,
        },
    });
    assert_eq!(answer, expected);
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `price` query returns the cost of a service
pub async fn a_price_above_the_maximum_amount_is_invalid(on: On) {
    let fixture = Fixture::new(on, PRICES).await;
    let most = fixture.client.price("google:chat", MAX_AMOUNT / 2).await;
    assert_eq!(most.expect("a price").credits, MAX_AMOUNT);
    let more = fixture
        .client
        .price("google:chat", MAX_AMOUNT / 2 + 1)
        .await;
    assert_eq!(code(more), "invalid_amount");
    fixture.end().await;
}

pub async fn a_service_without_a_price_is_unknown_if_there_is_no_default(on: On) {
    let fixture = Fixture::new(on, PRICES_ONLY).await;
    let known = fixture
        .client
        .price("google:chat", 1)
        .await
        .expect("a price");
    assert_eq!((known.credits, known.is_default), (2, false));
    assert_eq!(
        code(fixture.client.price("unheard:of", 1).await),
        "unknown_service"
    );
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `packages` query returns the packages for sale
pub async fn packages_are_listed_with_the_smallest_first(on: On) {
    let mut fixture = Fixture::new(on, PACKAGES).await;
    let nothing = |id: &str, credits| PackageItem {
        id: id.to_owned(),
        credits,
        bonus: 0,
        validity_days: None,
        price: None,
        currency: None,
        popular: false,
        price_id: None,
    };
    let medium = PackageItem {
        validity_days: Some(90),
        price: Some("29.99".to_owned()),
        currency: Some("USD".to_owned()),
        popular: true,
        ..nothing("medium", 500)
    };
    let expected = PackagesResult {
        items: vec![small(), medium, nothing("giant", 9000)],
    };
    assert_eq!(fixture.client.packages().await.expect("packages"), expected);

    let answer = fixture.wire(&json!({"type": "packages"})).await;
    let expected = json!({
        "type": "packages",
        "status": "ok",
        "result": {"items": [
            {
                "id": "small", "credits": 50, "bonus": 5, "validityDays": 30, "price": "4.5",
                "currency": "EUR", "priceId": "price_small",
            },
            {
                "id": "medium", "credits": 500, "bonus": 0, "validityDays": 90, "price": "29.99",
                "currency": "USD", "popular": true,
            },
            {"id": "giant", "credits": 9000, "bonus": 0},
        ]},
    });
    assert_eq!(answer, expected);

    fixture.restart("[packages]\n").await;
    let empty = fixture.client.packages().await.expect("packages");
    assert_eq!(empty.items, []);
    fixture.end().await;
}
