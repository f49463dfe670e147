//! However much a command does, its entry has a bounded size.

use serde_json::json;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_letters_the_first_hundred_are_named_and_all_are_counted() {
    let stage = Stage::file().await;
    stage
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
             INSERT INTO queue_message (queue, door, body, headers, enqueued_at)
             SELECT 'dead', 'usage', CAST('{\"referenceId\":\"c-' || i || '\"}' AS BLOB),
                    '{\"x-scrip-reason\": \"poison\"}', '2026-11-24T10:00:00.000000+00:00' FROM n",
        )
        .await;
    stage
        .deployment
        .succeed(&["dead", "drop", "--all", "--yes"])
        .await;
    let log = stage.log(&[]).await;
    let letters = log[0]["result"]["letters"].as_array().expect("a list");
    assert_eq!(letters.len(), 100);
    assert_eq!(letters[0], json!({ "referenceId": "c-1", "reason": "poison" }));
    assert_eq!(letters[99]["referenceId"], "c-100");
    assert_eq!(
        (
            &log[0]["result"]["chosen"],
            &log[0]["result"]["counts"]["dropped"]
        ),
        (&json!(150), &json!(150))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_letter_says_of_itself_is_cut() {
    for stage in [Stage::servers().await, Stage::file().await] {
        let reference = format!("{}\\u0000", "é".repeat(20_000));
        stage.set_aside(&reference).await;
        stage
            .deployment
            .succeed(&["dead", "drop", "--user", "ada", "--yes"])
            .await;
        let log = stage.log(&["--user", "ada"]).await;
        let named = log[0]["result"]["letters"][0]["referenceId"].as_str();
        let named = named.expect("a reference");
        assert!(named.len() <= 200 && named.ends_with('…'), "{named}");
        assert!(
            stage
                .number("SELECT CAST(max(octet_length(CAST(detail AS text))) AS bigint) FROM operator_action")
                .await
                < 2_000
        );
    }
}
