//! The `GET` endpoints, compared with the answers to queries.

use std::time::Duration;

use producer_sdk::Query;
use serde_json::{Value, json};

use crate::{
    client::{get, post},
    fixture::{BOTH, Fixture, consume, grant},
};

const WITHIN: Duration = Duration::from_secs(30);

/// Conformance: HTTP API: Balances, batches, transactions, holds, quotes, prices and packages are
/// those of the queries
#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_returns_the_result_of_its_query() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let user = "team/ü 100%";
        let encoded = "team%2F%C3%BC%20100%25";
        fixture.promote(&token, "g", user, 20).await;
        let hold = json!({
            "type": "hold", "referenceId": "h", "userId": user,
            "service": "google:chat", "amount": 3,
        });
        for body in [consume("c", user, 5), hold] {
            let request = post("/v1/commands", body.to_string()).token(&token).wait();
            assert_eq!(
                fixture.send(request).await.expect(200)["status"],
                "completed"
            );
        }
        let client = fixture.client().await;
        let of_user =
            |name: &str, parameters: &str| format!("/v1/users/{encoded}/{name}{parameters}");
        let user_id = || user.to_owned();
        let page = |index, size| Query::Transactions {
            user_id: user_id(),
            page_index: index,
            page_size: size,
            cursor: None,
        };
        let quote = |amount, quantity| Query::Quote {
            user_id: user_id(),
            service: "llm:tokens".to_owned(),
            amount,
            quantity,
        };
        let quoted = format!("/v1/quote?userId={encoded}&service=llm:tokens");
        for (path, query) in [
            (of_user("balance", ""), Query::balance(user)),
            (
                of_user("batches", ""),
                Query::Batches {
                    user_id: user_id(),
                    all: false,
                },
            ),
            (
                of_user("batches", "?all=true"),
                Query::Batches {
                    user_id: user_id(),
                    all: true,
                },
            ),
            (
                of_user("holds", ""),
                Query::Holds {
                    user_id: user_id(),
                    all: false,
                },
            ),
            (of_user("transactions", ""), page(None, None)),
            (
                of_user("transactions", "?pageIndex=1&pageSize=2"),
                page(Some(1), Some(2)),
            ),
            (quoted.clone(), quote(None, None)),
            (format!("{quoted}&quantity=2"), quote(None, Some(2))),
            (format!("{quoted}&amount=4"), quote(Some(4), None)),
            (
                "/v1/price?service=llm:tokens&quantity=5".to_owned(),
                Query::Price {
                    service: "llm:tokens".to_owned(),
                    quantity: Some(5),
                },
            ),
            ("/v1/packages".to_owned(), Query::Packages {}),
        ] {
            let answer = client
                .query_within(&query, WITHIN)
                .await
                .expect("an answer");
            let expected = answer.result.expect("a result");
            let response = fixture.send(get(&path).token(&token)).await;
            assert_eq!(response.expect(200), expected, "{on:?}: {path}");
            assert_eq!(response.header("cache-control"), Some("no-store"));
        }
        client.close().await.expect("closes");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: Wrong paths and parameters are refused with code and field
#[tokio::test(flavor = "multi_thread")]
async fn wrong_paths_and_parameters_are_refused() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let long = "x".repeat(201);
        for (path, status, code, field) in [
            ("/v1/users/nobody/balance", 404, "wallet_not_found", None),
            ("/v1/users/u/balance?x=1", 400, "unknown_field", Some("x")),
            (
                "/v1/users/u/balance?userId=v",
                400,
                "duplicate_field",
                Some("userId"),
            ),
            (
                "/v1/users/u/balance?type=price",
                400,
                "duplicate_field",
                Some("type"),
            ),
            (
                "/v1/users/%20u/balance",
                400,
                "invalid_field",
                Some("userId"),
            ),
            (
                "/v1/users/u%0A/balance",
                400,
                "invalid_field",
                Some("userId"),
            ),
            (
                &format!("/v1/users/{long}/balance"),
                400,
                "invalid_field",
                Some("userId"),
            ),
            ("/v1/users/%FF/balance", 400, "invalid_url", None),
            (
                "/v1/users/u/transactions?pageSize=0",
                400,
                "invalid_field",
                Some("pageSize"),
            ),
            (
                "/v1/users/u/transactions?pageSize=ten",
                400,
                "invalid_field",
                Some("pageSize"),
            ),
            (
                "/v1/users/u/transactions?pageSize=101",
                400,
                "invalid_field",
                Some("pageSize"),
            ),
            (
                "/v1/users/u/transactions?cursor=x",
                400,
                "invalid_cursor",
                None,
            ),
            (
                "/v1/users/u/transactions?cursor=x&pageIndex=1",
                400,
                "invalid_field",
                Some("pageIndex"),
            ),
            (
                "/v1/users/u/batches?all=yes",
                400,
                "invalid_field",
                Some("all"),
            ),
            ("/v1/price", 400, "missing_field", Some("service")),
            ("/v1/price?service=unknown", 404, "unknown_service", None),
            (
                "/v1/quote?service=google:chat",
                400,
                "missing_field",
                Some("userId"),
            ),
            ("/v1/packages?x=1", 400, "unknown_field", Some("x")),
            (
                "/v1/commands/internal/r",
                400,
                "invalid_field",
                Some("origin"),
            ),
            ("/v1/commands/usage/r", 404, "outcome_not_found", None),
            ("/v1/commands/usage/%00", 404, "outcome_not_found", None),
            ("/v1/nowhere", 404, "unknown_path", None),
            ("/", 404, "unknown_path", None),
        ] {
            let response = fixture.send(get(path).token(&token)).await;
            let problem = response.problem(status, code);
            assert_eq!(problem["field"].as_str(), field, "{path}: {problem}");
        }
        let wrong = get("/v1/users/u/balance").method("DELETE").token(&token);
        fixture.send(wrong).await.problem(405, "unknown_method");
        let head = get("/v1/packages").method("HEAD").token(&token);
        let head = fixture.send(head).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: Pages by cursor skip and repeat no transaction while others are added
#[tokio::test(flavor = "multi_thread")]
async fn pages_by_cursor_are_stable_while_transactions_are_added() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let commands: Vec<Value> = (0..25)
            .map(|n| grant(&format!("g-{n}"), "ada", 1))
            .collect();
        let batch = json!({ "commands": commands }).to_string();
        let request = post("/v1/commands/batch", batch).token(&token).wait();
        fixture.send(request).await.expect(200);
        let mut seen = Vec::new();
        let mut path = "/v1/users/ada/transactions?pageSize=10".to_owned();
        for page in 0.. {
            let read = fixture.send(get(&path).token(&token)).await.expect(200);
            let items = read["items"].as_array().expect("items");
            let reference = |item: &Value| item["referenceId"].as_str().expect("one").to_owned();
            seen.extend(items.iter().map(reference));
            fixture
                .promote(&token, &format!("later-{page}"), "ada", 1)
                .await;
            let Some(cursor) = read["nextCursor"].as_str() else {
                break;
            };
            path = format!("/v1/users/ada/transactions?pageSize=10&cursor={cursor}");
        }
        let expected: Vec<String> = (0..25).rev().map(|n| format!("g-{n}")).collect();
        assert_eq!(seen, expected, "{on:?}");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A list of all batches or holds that is too long for a response is refused
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_too_long_is_refused() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let commands: Vec<Value> = (0..1000)
            .map(|n| grant(&format!("g-{n}"), "ada", 1))
            .collect();
        let batch = json!({ "commands": commands }).to_string();
        let batch = post("/v1/commands/batch", batch).token(&token).wait();
        fixture.decided(batch).await;
        let all = || get("/v1/users/ada/batches?all=true").token(&token);
        let items = fixture.send(all()).await.expect(200);
        assert_eq!(items["items"].as_array().map(Vec::len), Some(1000));
        fixture.promote(&token, "one-more", "ada", 1).await;
        let refused = fixture.send(all()).await.problem(400, "too_many_rows");
        let detail = refused["detail"].as_str().expect("a text");
        assert!(detail.contains("cursor"), "{detail}");
        let holds = get("/v1/users/ada/holds?all=true").token(&token);
        fixture.send(holds).await.expect(200);
        fixture.finish().await;
    }
}
