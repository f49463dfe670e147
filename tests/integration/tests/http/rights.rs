//! What a token may do, by its role and its scope.

use serde_json::json;

use testkit::db::TestDatabase;

use crate::{
    client::{get, post},
    fixture::{BOTH, Fixture, On, consume, grant},
};

/// Conformance: HTTP API: A token sends only the commands of its origins
#[tokio::test(flavor = "multi_thread")]
async fn a_token_sends_only_the_commands_of_its_role() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let [app, bridge, admin] = [
            fixture.token(&["--role", "app"]).await,
            fixture.token(&["--role", "bridge"]).await,
            fixture.admin().await,
        ];
        let send = async |path: &str, body: &serde_json::Value, token: &str| {
            let request = post(path, body.to_string()).token(token).wait();
            fixture.send(request).await
        };
        let path = "/v1/commands";
        let minted = send(path, &grant("g", "ada", 20), &app).await;
        let minted = minted.problem(403, "forbidden_role");
        assert_eq!(minted["field"], "type");
        let spent = send(path, &consume("c", "ada", 1), &bridge).await;
        spent.problem(403, "forbidden_role");
        send(path, &grant("g", "ada", 20), &bridge)
            .await
            .expect(200);
        send(path, &consume("c", "ada", 1), &app).await.expect(200);
        send(path, &grant("g-2", "ada", 20), &admin)
            .await
            .expect(200);
        send(path, &consume("c-2", "ada", 1), &admin)
            .await
            .expect(200);

        // A command with two origins goes through that of the role; an admin selects one.
        let hold = |reference: &str| {
            json!({
                "type": "hold", "referenceId": reference, "userId": "ada",
                "service": "google:chat", "amount": 1,
            })
        };
        send(path, &hold("h-app"), &app).await.expect(200);
        send(path, &hold("h-bridge"), &bridge).await.expect(200);
        let funding = "/v1/commands?origin=funding";
        send(funding, &hold("h-admin"), &admin).await.expect(200);
        send(funding, &hold("h-app-2"), &app)
            .await
            .problem(403, "forbidden_role");
        send(funding, &consume("c-3", "ada", 1), &admin)
            .await
            .problem(403, "forbidden_exchange");
        let holds = fixture
            .send(get("/v1/users/ada/holds").token(&admin))
            .await
            .expect(200);
        let mut origins: Vec<(&str, &str)> = holds["items"]
            .as_array()
            .expect("holds")
            .iter()
            .map(|hold| {
                let text = |name: &str| hold[name].as_str().expect("a text");
                (text("referenceId"), text("origin"))
            })
            .collect();
        origins.sort_unstable();
        let expected = [
            ("h-admin", "funding"),
            ("h-app", "usage"),
            ("h-bridge", "funding"),
        ];
        assert_eq!(origins, expected);

        // The commands of the worker itself cannot be sent.
        let expire = json!({
            "type": "expire", "referenceId": "e", "userId": "ada",
            "cutoff": "2026-11-22T10:00:00Z",
        });
        send(path, &expire, &admin)
            .await
            .problem(403, "forbidden_role");

        // An app does not see the outcomes of payments.
        let outcome = get("/v1/commands/funding/g");
        fixture
            .send(outcome.clone().token(&app))
            .await
            .problem(403, "forbidden_role");
        fixture.send(outcome.token(&bridge)).await.expect(200);
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A token names and sees only the users and services of its scope
#[tokio::test(flavor = "multi_thread")]
async fn a_token_names_and_sees_only_the_users_and_services_of_its_scope() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let admin = fixture.admin().await;
        let scope = [
            "--user-prefix",
            "a:",
            "--user-prefix",
            "s:",
            "--service",
            "google:*",
        ];
        let token = fixture
            .token(&[&["--role", "app"], &scope[..]].concat())
            .await;
        for user in ["a:1", "b:1"] {
            fixture
                .promote(&admin, &format!("g-{user}"), user, 20)
                .await;
        }
        let send = async |body: serde_json::Value, token: &str| {
            let request = post("/v1/commands", body.to_string()).token(token).wait();
            fixture.send(request).await
        };
        let mut other_service = consume("c-2", "a:1", 1);
        other_service["service"] = "llm:tokens".into();
        send(consume("c-1", "a:1", 1), &token).await.expect(200);
        let user = send(consume("c-1", "b:1", 1), &token).await;
        assert_eq!(user.problem(403, "outside_scope")["field"], "userId");
        let service = send(other_service, &token).await;
        assert_eq!(service.problem(403, "outside_scope")["field"], "service");

        for path in ["balance", "batches", "holds", "transactions"] {
            let path = |user: &str| format!("/v1/users/{user}/{path}");
            fixture
                .send(get(path("a:1")).token(&token))
                .await
                .expect(200);
            let outside = fixture.send(get(path("b:1")).token(&token)).await;
            let outside = outside.problem(403, "outside_scope");
            assert_eq!(outside["field"], "userId");
            // The prefix is compared after the id is decoded.
            let encoded = fixture.send(get(path("%62:1")).token(&token)).await;
            encoded.problem(403, "outside_scope");
        }
        let quote = |user: &str, service: &str| {
            get(format!("/v1/quote?userId={user}&service={service}")).token(&token)
        };
        fixture.send(quote("a:1", "google:chat")).await.expect(200);
        fixture
            .send(quote("b:1", "google:chat"))
            .await
            .problem(403, "outside_scope");
        fixture
            .send(quote("a:1", "llm:tokens"))
            .await
            .problem(403, "outside_scope");
        let price = get("/v1/price?service=llm:tokens").token(&token);
        fixture.send(price).await.problem(403, "outside_scope");

        // The outcome of another user looks like none.
        send(consume("c-b", "b:1", 1), &admin).await.expect(200);
        let outcome = |reference: &str| get(format!("/v1/commands/usage/{reference}"));
        let own = fixture.send(outcome("c-1").token(&token)).await.expect(200);
        assert_eq!(own["userId"], "a:1");
        let other = fixture.send(outcome("c-b").token(&token)).await;
        let missing = fixture.send(outcome("c-none").token(&token)).await;
        assert_eq!(other.problem(404, "outcome_not_found"), missing.json());
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A server whose database and namespace belong to different ledgers, or
/// whose references have another scope, does not start
#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_ledger_does_not_start() {
    let mut fixture = Fixture::new(On::Servers).await;
    let start = ["http", "--listen", "127.0.0.1:0"];
    fixture
        .deployment
        .set("SCRIP__SENDERS__REFERENCES", "per_sender");
    let output = fixture.deployment.fail(&start).await;
    assert!(output.contains("`senders.references`"), "{output}");
    fixture
        .deployment
        .set("SCRIP__SENDERS__REFERENCES", "per_origin");
    let own = fixture.database.as_ref().expect("a database").worker_url();
    let other = TestDatabase::postgres().await.migrated().await;
    fixture.deployment.set("DATABASE_URL", &other.worker_url());
    let output = fixture.deployment.fail(&start).await;
    assert!(output.contains("belongs to the ledger"), "{output}");
    fixture.deployment.set("DATABASE_URL", &own);
    fixture.finish().await;
}
