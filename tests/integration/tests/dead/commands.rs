//! `list`, `show`, `replay` and `drop` on each queue.

use chrono::Utc;
use serde_json::Value;

use super::{Fixture, MISSPELT};

/// Conformance: Configuration and command line: `scrip dead list`, `show`, `replay` and `drop` work
/// on both queue types
async fn dead_letters_are_listed_filtered_and_shown_with_their_original_body(fixture: Fixture) {
    assert_eq!(
        fixture.references(&[]).await,
        ["-", "pay-1", "pay-2", "typo"]
    );
    assert_eq!(
        fixture.references(&["--reason", "unapplied"]).await,
        ["pay-1", "pay-2"]
    );
    assert_eq!(
        fixture
            .references(&["--reason", "unapplied:unknown_package"])
            .await
            .len(),
        2
    );
    assert_eq!(fixture.references(&["--reason", "not_json"]).await, ["-"]);
    assert_eq!(fixture.references(&["--user", "user-2"]).await, ["pay-2"]);
    assert_eq!(fixture.references(&["--type", "consume"]).await, ["typo"]);
    assert_eq!(fixture.references(&["--newer-than", "1h"]).await.len(), 4);
    assert_eq!(fixture.references(&["--older-than", "1h"]).await.len(), 0);
    assert_eq!(fixture.references(&["--limit", "2"]).await.len(), 2);

    let letters = fixture.list(&["--reference", "typo"]).await;
    let letter = &letters[0];
    assert_eq!(letter["body"], MISSPELT);
    assert_eq!(
        (&letter["reason"], &letter["field"]),
        (&"unknown_field".into(), &"ammount".into())
    );
    assert_eq!(
        (&letter["origin"], &letter["attempts"]),
        (&"usage".into(), &0.into())
    );
    assert!(letter["firstSeen"].is_string() && letter["lastSeen"].is_string());

    let table = fixture
        .deployment
        .succeed(&["dead", "list", "--limit", "3"])
        .await;
    assert!(
        table.contains("reference") && table.ends_with("3 of 4\n"),
        "{table}"
    );
    let shown = fixture.deployment.succeed(&["dead", "show", "pay-1"]).await;
    assert!(
        shown.contains("unapplied:unknown_package") && shown.contains("\"purchaseId\":\"pi_1\""),
        "{shown}"
    );
    let unknown = fixture.deployment.run(&["dead", "show", "nobody"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(
        fixture.references(&[]).await.len(),
        4,
        "show changes nothing"
    );
}

/// Conformance: Commands: A command counts from the time it was received, also after a replay
/// Conformance: Configuration and command line: `scrip dead list`, `show`, `replay` and `drop` work
/// on both queue types
async fn a_payment_that_is_replayed_after_its_cause_is_fixed_is_credited_once(fixture: Fixture) {
    let received = scrip::db::sqlite_instant(Utc::now());
    fixture.add_package();
    let replay = |arguments: &'static [&'static str]| {
        let fixture = &fixture;
        async move {
            fixture
                .deployment
                .succeed(&[&["dead", "replay"], arguments].concat())
                .await
        }
    };
    let output = replay(&["--reason", "unapplied", "--dry-run"]).await;
    assert_eq!(output, "2 of 4 dead letters would be replayed\n");
    assert_eq!(fixture.references(&[]).await.len(), 4, "only counted");
    let output = replay(&["--reason", "unapplied", "--rate", "1000"]).await;
    assert_eq!(output, "4 dead letters read, 2 replayed\n");
    let worker = fixture.deployment.ready_worker().await;
    fixture
        .wait_for("both are credited", async |fixture| {
            fixture
                .number("SELECT count(*) FROM credits_balance WHERE balance = 70")
                .await
                == 2
        })
        .await;
    assert_eq!(
        fixture.references(&[]).await,
        ["-", "typo"],
        "the other dead letters stay"
    );
    let late = format!(
        "SELECT count(*) FROM credits_batch b JOIN credits_transaction t ON t.id = b.transaction_id
          WHERE b.issued_at < '{received}' AND t.occurred_at = b.issued_at"
    );
    assert_eq!(
        fixture.number(&late).await,
        2,
        "credits are valid from the time of receipt"
    );
    let letters = fixture.list(&[]).await;
    let received: Vec<_> = letters
        .iter()
        .map(|letter| letter["firstSeen"].clone())
        .collect();
    // The unreadable messages become dead letters again, without any other effect.
    assert_eq!(
        replay(&["--all"]).await,
        "2 dead letters read, 2 replayed\n"
    );
    fixture
        .wait_for("they are dead letters again", async |fixture| {
            fixture.list(&[]).await.len() == 2
        })
        .await;
    let letters = fixture.list(&[]).await;
    let again: Vec<_> = letters
        .iter()
        .map(|letter| letter["firstSeen"].clone())
        .collect();
    assert_eq!(again, received, "they keep the time of receipt");
    assert!(worker.terminate().await.success());
    assert_eq!(
        fixture
            .number("SELECT count(*) FROM credits_transaction WHERE type = 'purchase'")
            .await,
        2
    );
    fixture.deployment.succeed(&["verify"]).await;
}

/// Conformance: Configuration and command line: `scrip dead list`, `show`, `replay` and `drop` work
/// on both queue types
async fn dead_letters_are_dropped_only_with_a_selection_and_a_confirmation(fixture: Fixture) {
    for (refused, code) in [
        (&["dead", "drop", "--yes"][..], 2),
        (&["dead", "drop", "--all"], 1),
        (&["dead", "replay"], 2),
    ] {
        assert_eq!(
            fixture.deployment.run(refused).await.status.code(),
            Some(code),
            "{refused:?}"
        );
    }
    let wrong = fixture
        .deployment
        .run(&["dead", "list", "--older-than", "yesterday"])
        .await;
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(fixture.references(&[]).await.len(), 4);
    let drop = ["--json", "dead", "drop", "--reason", "not_json", "--yes"];
    let output = fixture.deployment.succeed(&drop).await;
    let output: Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(
        (&output["fit"], &output["counts"]["dropped"]),
        (&1.into(), &1.into())
    );
    assert_eq!(fixture.references(&[]).await, ["pay-1", "pay-2", "typo"]);
}

/// Conformance: Broker permissions and senders: A body over 64 KiB is kept as its beginning, length
/// and hash, and is not replayed
async fn a_truncated_dead_letter_is_not_replayed(fixture: Fixture) {
    let beginning = r#"{"type":"consume","referenceId":"big","userId":"ada","description":""#;
    let body = format!("{beginning}{}\"}}", "x".repeat(100_000));
    fixture.put(&body).await;
    let worker = fixture.deployment.ready_worker().await;
    fixture
        .wait_for("it is dead-lettered", async |fixture| {
            fixture.list(&[]).await.len() == 5
        })
        .await;
    assert!(worker.terminate().await.success());
    let letters = fixture.list(&["--reason", "too_large"]).await;
    let letter = &letters[0];
    assert_eq!(letter["bodyLength"], body.len());
    assert_eq!(letter["bodySha256"].as_str().map(str::len), Some(64));
    assert_eq!(letter["body"], body[..1024]);

    let replay = ["dead", "replay", "--reason", "too_large"];
    for arguments in [&replay[..], &[&replay[..], &["--origin", "usage"]].concat()] {
        let refused = fixture.deployment.run(arguments).await;
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        let output = String::from_utf8_lossy(&refused.stdout);
        assert!(
            output.starts_with(
                "5 dead letters read\n1 too large to be replayed stay: only the first 1024 bytes"
            ),
            "{output}"
        );
    }
    let counted = fixture
        .deployment
        .succeed(&["dead", "replay", "--all", "--dry-run"])
        .await;
    assert!(
        counted.starts_with("4 of 5 dead letters would be replayed\n1 too large"),
        "{counted}"
    );
    assert_eq!(fixture.list(&[]).await.len(), 5, "it stays");
    let drop = ["dead", "drop", "--reason", "too_large", "--yes"];
    assert_eq!(
        fixture.deployment.succeed(&drop).await,
        "5 dead letters read, 1 dropped\n"
    );
}

macro_rules! over_each_queue {
    ($($scenario:ident),+ $(,)?) => {
        mod broker {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Fixture::broker().await).await;
            })+
        }
        mod file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Fixture::file().await).await;
            })+
        }
    };
}

over_each_queue! {
    dead_letters_are_listed_filtered_and_shown_with_their_original_body,
    a_payment_that_is_replayed_after_its_cause_is_fixed_is_credited_once,
    dead_letters_are_dropped_only_with_a_selection_and_a_confirmation,
    a_truncated_dead_letter_is_not_replayed,
}
