//! The size of an entry is bounded, no matter how much a command does.

use serde_json::json;

use super::fixture::Fixture;

/// Conformance: Audit log: Each audit entry has a bounded size
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_lists_the_first_hundred_dead_letters_and_counts_all() {
    let fixture = Fixture::file().await;
    fixture
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
             INSERT INTO queue_message (queue, origin, body, headers, enqueued_at)
             SELECT 'dead', 'usage', CAST('{\"referenceId\":\"c-' || i || '\"}' AS BLOB),
                    '{\"x-scrip-reason\": \"poison\"}', '2026-11-24T10:00:00.000000+00:00' FROM n",
        )
        .await;
    fixture
        .deployment
        .succeed(&["dead", "drop", "--all", "--yes"])
        .await;
    let log = fixture.log(&[]).await;
    let letters = log[0]["result"]["letters"].as_array().expect("a list");
    assert_eq!(letters.len(), 100);
    assert_eq!(
        letters[0],
        json!({ "referenceId": "c-1", "reason": "poison" })
    );
    assert_eq!(letters[99]["referenceId"], "c-100");
    assert_eq!(
        (
            &log[0]["result"]["chosen"],
            &log[0]["result"]["counts"]["dropped"]
        ),
        (&json!(150), &json!(150))
    );
}

/// Conformance: Audit log: Each audit entry has a bounded size
#[tokio::test(flavor = "multi_thread")]
async fn long_fields_of_a_dead_letter_are_truncated_in_the_entry() {
    for fixture in [Fixture::servers().await, Fixture::file().await] {
        let reference = format!("{}\\u0000", "é".repeat(20_000));
        fixture.add_dead_letter(&reference).await;
        fixture
            .deployment
            .succeed(&["dead", "drop", "--user", "ada", "--yes"])
            .await;
        let log = fixture.log(&["--user", "ada"]).await;
        let named = log[0]["result"]["letters"][0]["referenceId"].as_str();
        let named = named.expect("a reference");
        assert!(named.len() <= 200 && named.ends_with('…'), "{named}");
        assert!(
            fixture
                .number(
                    "SELECT CAST(max(octet_length(CAST(detail AS text))) AS bigint) \
                         FROM operator_action"
                )
                .await
                < 2_000
        );
    }
}
