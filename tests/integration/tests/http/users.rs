//! User tokens, by which a browser reads what belongs to one user.

use serde_json::Value;

use crate::{
    client::{get, post},
    fixture::{BOTH, Fixture, On, consume, grant},
};

const SECRET: &str = "a test secret of more than 32 bytes";

/// Conformance: HTTP API: A user token reads what belongs to its user, and nothing else
#[tokio::test(flavor = "multi_thread")]
async fn a_user_token_reads_what_belongs_to_its_user_and_nothing_else() {
    for on in BOTH {
        let fixture = Fixture::with(on, &[("SCRIP_USER_TOKEN_SECRET", SECRET)]).await;
        let admin = fixture.admin().await;
        for user in ["ada/1", "bob"] {
            fixture
                .promote(&admin, &format!("g-{user}"), user, 20)
                .await;
        }
        let made = fixture
            .send(post("/v1/users/ada%2F1/token", "").token(&admin))
            .await;
        let made = made.expect(200);
        assert_eq!(made["userId"], "ada/1");
        assert!(made["expiresAt"].is_string(), "{made}");
        let token = made["token"].as_str().expect("a token").to_owned();
        for path in ["balance", "batches", "holds", "transactions"] {
            let own = get(format!("/v1/users/ada%2F1/{path}")).token(&token);
            fixture.send(own).await.expect(200);
            let other = get(format!("/v1/users/bob/{path}")).token(&token);
            fixture.send(other).await.problem(403, "outside_scope");
        }
        fixture
            .send(get("/v1/packages").token(&token))
            .await
            .expect(200);
        let quote = |user: &str| get(format!("/v1/quote?userId={user}&service=llm:tokens"));
        fixture.send(quote("ada/1").token(&token)).await.expect(200);
        fixture
            .send(quote("bob").token(&token))
            .await
            .problem(403, "outside_scope");
        let batch = r#"{"commands":[{}]}"#;
        for request in [
            post("/v1/commands", grant("g", "ada/1", 20).to_string()),
            post("/v1/commands", consume("c", "ada/1", 1).to_string()),
            post("/v1/commands", "nonsense"),
            post("/v1/commands/batch", batch),
            post("/v1/users/ada%2F1/token", ""),
            get("/v1/commands/funding/g-ada%2F1"),
        ] {
            let refused = fixture.send(request.token(&token)).await;
            refused.problem(403, "forbidden_role");
        }
        let log = fixture.server.as_ref().expect("a server").log();
        for secret in [SECRET, token.as_str()] {
            assert!(!log.contains(secret), "{log}");
        }
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A user token needs the secret of the server, and ends
#[tokio::test(flavor = "multi_thread")]
async fn a_user_token_needs_the_secret_and_ends() {
    let off = Fixture::new(On::File).await;
    let admin = off.admin().await;
    off.promote(&admin, "g", "ada", 20).await;
    let make = || post("/v1/users/ada/token", "");
    off.send(make().token(&admin))
        .await
        .problem(404, "user_tokens_off");

    let settings = [
        ("SCRIP_USER_TOKEN_SECRET", SECRET),
        ("SCRIP__HTTP__USER_TOKEN_VALIDITY", "5s"),
    ];
    let fixture = Fixture::with(On::File, &settings).await;
    let admin = fixture.admin().await;
    fixture.promote(&admin, "g", "ada", 20).await;
    let scope = ["--role", "app", "--user-prefix", "b"];
    let scoped = fixture.token(&scope).await;
    fixture
        .send(make().token(&scoped))
        .await
        .problem(403, "outside_scope");
    let wrong = post("/v1/users/%20/token", "").token(&admin);
    fixture.send(wrong).await.problem(400, "invalid_field");
    let made: Value = fixture.send(make().token(&admin)).await.expect(200);
    let token = made["token"].as_str().expect("a token");
    let balance = || get("/v1/users/ada/balance");
    fixture.send(balance().token(token)).await.expect(200);
    // A server without the secret, or with another one, refuses it.
    off.send(balance().token(token))
        .await
        .problem(401, "invalid_token");
    tokio::time::sleep(std::time::Duration::from_millis(5_100)).await;
    fixture
        .send(balance().token(token))
        .await
        .problem(401, "invalid_token");

    let shown = fixture.deployment.succeed(&["config", "show"]).await;
    assert!(shown.contains("http.user_token_secret"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
    off.finish().await;
    fixture.finish().await;
}
