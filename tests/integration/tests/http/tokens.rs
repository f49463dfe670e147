//! Tokens: which are accepted, and that no secret is stored or printed.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;

use crate::{
    client::{get, post},
    fixture::{BOTH, Fixture, On},
};

/// Conformance: HTTP API: A request without a valid token is refused before its body is read
#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_valid_token_is_refused() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let wrong_secret = flip(&token, token.len() - 1);
        let unknown_id = flip(&token, 10);
        let packages = || get("/v1/packages");
        fixture.send(packages().token(&token)).await.expect(200);
        for request in [
            packages(),
            packages().token(""),
            packages().token("nonsense"),
            packages().token(&wrong_secret),
            packages().token(&unknown_id),
            packages().token(&token.to_uppercase()),
            packages().token(&format!("{token}0")),
            packages().header("Authorization", &token),
            packages().header("Authorization", &format!("Basic {token}")),
            packages().token(&token).token(&token),
            packages().token(&"x".repeat(5000)),
            get(format!("/v1/packages?token={token}")),
        ] {
            let response = fixture.send(request.clone()).await;
            response.problem(401, "invalid_token");
            let challenge = response.header("www-authenticate").unwrap_or_default();
            assert!(challenge.starts_with("Bearer"), "{request:?}");
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert_eq!(response.header("connection"), Some("close"));
        }
        // RFC 6750: the error is named only if there was a token.
        let wrong = fixture.send(packages().token(&wrong_secret)).await;
        let challenge = wrong.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer error=\"invalid_token\""));
        let none = fixture.send(packages()).await;
        assert_eq!(none.header("www-authenticate"), Some("Bearer"));
        // Neither the path nor the body says anything without a token.
        let unread = post("/v1/commands", "nonsense");
        fixture.send(unread).await.problem(401, "invalid_token");
        let user = get("/v1/users/%ff/balance");
        fixture.send(user).await.problem(401, "invalid_token");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A revoked token is refused, also by a server that has seen it, within 5
/// seconds
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refused_when_it_is_revoked_or_expired() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let packages = |token: &str| get("/v1/packages").token(token);
        fixture.send(packages(&token)).await.expect(200);
        let id = &token[6..38];
        fixture.deployment.succeed(&["token", "revoke", id]).await;
        let began = tokio::time::Instant::now();
        while fixture.send(packages(&token)).await.status != 401 {
            assert!(began.elapsed().as_secs() < 20, "still accepted");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        // Revoking again changes nothing; an unknown token is an error.
        fixture.deployment.succeed(&["token", "revoke", id]).await;
        let unknown = ["token", "revoke", "019ad6e1f0e07c4ab1d4f0a1b2c3d4e5"];
        assert!(
            fixture
                .deployment
                .fail(&unknown)
                .await
                .contains("there is no token")
        );

        let short = fixture.token(&["--role", "app", "--valid-for", "1s"]).await;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        fixture
            .send(packages(&short))
            .await
            .problem(401, "invalid_token");
        let long = fixture.token(&["--role", "app", "--valid-for", "1d"]).await;
        fixture.send(packages(&long)).await.expect(200);
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A token is shown once; database, audit log and logs have no secret
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_stored_listed_or_logged() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let arguments = [
            "--json", "token", "create", "shop", "--role", "app", "--rate", "7",
        ];
        let created = fixture.deployment.succeed(&arguments).await;
        let created: Value = serde_json::from_str(&created).expect("JSON");
        let token = created["token"].as_str().expect("a token").to_owned();
        let secret = &token[39..];
        assert_eq!(
            (&created["role"], &created["rate"]),
            (&"app".into(), &7.into())
        );
        fixture
            .send(get("/v1/packages").token(&token))
            .await
            .expect(200);
        fixture
            .send(get("/v1/packages").token(&flip(&token, 60)))
            .await
            .problem(401, "invalid_token");

        let listed = fixture
            .deployment
            .succeed(&["--json", "token", "list"])
            .await;
        let tokens: Value = serde_json::from_str(&listed).expect("JSON");
        assert_eq!(tokens[0]["id"], created["id"]);
        assert_eq!(tokens[0]["status"], "valid");
        assert!(listed.contains("shop"));
        let table = fixture.deployment.succeed(&["token", "list"]).await;
        let audit = fixture
            .deployment
            .succeed(&["--json", "audit", "--action", "token_create"]);
        let audit = audit.await;
        assert!(
            audit.contains(created["id"].as_str().expect("an id")),
            "{audit}"
        );
        let log = fixture.server.as_ref().expect("a server").log();
        assert!(log.contains("HTTP request"), "{log}");
        for text in [&listed, &table, &audit, &log] {
            assert!(!text.contains(secret), "{text}");
        }
        let stored = if let Some(database) = &fixture.database {
            let sql = "SELECT row_to_json(t)::text FROM http_token t";
            let query = Statement::from_string(database.backend(), sql);
            let row = database.connection().query_one_raw(query).await;
            let row = row.expect("reads").expect("a row");
            row.try_get_by_index::<String>(0)
                .expect("a text")
                .into_bytes()
        } else {
            let folder = fixture.deployment.folder();
            let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
            [read("scrip.db"), read("scrip.db-wal")].concat()
        };
        assert!(!stored.is_empty());
        let found = stored
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{on:?}: the secret is stored");
        fixture.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_of_a_new_token_are_refused() {
    let fixture = Fixture::new(On::File).await;
    for (arguments, text) in [
        (&["shop"][..], "--role"),
        (&["shop", "--role", "root"], "admin, app, bridge"),
        (&["", "--role", "app"], "1 to 200 bytes"),
        (
            &["shop", "--role", "app", "--user-prefix", ""],
            "1 to 200 bytes",
        ),
        (
            &["shop", "--role", "app", "--service", ""],
            "1 to 200 bytes",
        ),
        (&["shop", "--role", "app", "--rate", "0"], "rate"),
        (
            &["shop", "--role", "app", "--expires", "2020-01-01"],
            "in the future",
        ),
        (
            &["shop", "--role", "app", "--valid-for", "soon"],
            "number with a unit",
        ),
    ] {
        let arguments = [&["token", "create"], arguments].concat();
        let output = fixture.deployment.fail(&arguments).await;
        assert!(output.contains(text), "{arguments:?}: {output}");
    }
    let listed = fixture
        .deployment
        .succeed(&["--json", "token", "list"])
        .await;
    assert_eq!(listed.trim(), "[]");
    fixture.finish().await;
}

/// The token with another digit at one place.
fn flip(token: &str, at: usize) -> String {
    let digit = if &token[at..=at] == "0" { "1" } else { "0" };
    format!("{}{digit}{}", &token[..at], &token[at + 1..])
}
