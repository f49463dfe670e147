//! The metrics count all events of a worker.

use producer_sdk::contract::{Command, Origin};

use crate::fixture::{Fixture, get, ready_worker, wait_for_metric};
use crate::page::page;

/// Conformance: Back pressure and health: Metrics count completed work and name no user
#[tokio::test]
async fn metrics_count_all_events_and_name_no_user() {
    let fixture = Fixture::new().await;
    let worker = ready_worker(&fixture).await;
    let lane = fixture.broker.topology().commands(0);
    let mut replies = fixture.broker.replies().await;
    let bonus = Command::registration_bonus("r", "ada-lovelace");
    let too_much = Command::consume("c", "ada-lovelace", "llm:tokens").quantity(10_000_000);
    for command in [&bonus, &bonus, &too_much] {
        fixture
            .broker
            .send_with(command, replies.reply_properties("1"))
            .await;
        // Each command is sent after the outcome of the one before, so each is a separate group.
        replies.outcome().await;
    }
    fixture.broker.send_body(Origin::Usage, b"not json").await;

    let commands =
        |result: &str| format!("scrip_commands_total{{lane=\"{lane}\",result=\"{result}\"}}");
    for result in ["completed", "refused", "replayed"] {
        wait_for_metric(fixture.address, &commands(result), 1.0).await;
    }
    let dead = format!("scrip_dead_letters_total{{lane=\"{lane}\",reason=\"not_json\"}}");
    wait_for_metric(fixture.address, &dead, 1.0).await;
    let waiting = format!(
        "scrip_queue_messages{{queue=\"{}\"}}",
        fixture.broker.topology().dead()
    );
    wait_for_metric(fixture.address, &waiting, 1.0).await;
    for (sample, expected) in [
        (
            format!("scrip_group_commands_count{{lane=\"{lane}\"}}"),
            3.0,
        ),
        (format!("scrip_group_commands_sum{{lane=\"{lane}\"}}"), 3.0),
        (
            format!("scrip_group_commands_bucket{{lane=\"{lane}\",le=\"1\"}}"),
            3.0,
        ),
        (
            format!("scrip_commit_seconds_count{{lane=\"{lane}\"}}"),
            3.0,
        ),
        (
            format!("scrip_commit_seconds_bucket{{lane=\"{lane}\",le=\"+Inf\"}}"),
            3.0,
        ),
        // A bonus needs the pessimistic path. A consumption, also a refused one, does not.
        ("scrip_groups_total{path=\"pessimistic\"}".to_owned(), 2.0),
        ("scrip_groups_total{path=\"optimistic\"}".to_owned(), 1.0),
        ("scrip_groups_total{path=\"conflict\"}".to_owned(), 0.0),
        // These samples exist before the first event, so that an increase shows it.
        (
            format!(
                "scrip_dead_letters_total{{lane=\"{lane}\",reason=\"unapplied:unknown_package\"}}"
            ),
            0.0,
        ),
        (
            format!("scrip_dead_letters_total{{lane=\"{lane}\",reason=\"poison\"}}"),
            0.0,
        ),
        (
            format!("scrip_retries_total{{lane=\"{lane}\",kind=\"connection\"}}"),
            0.0,
        ),
        (format!("scrip_subscriptions_total{{lane=\"{lane}\"}}"), 1.0),
        ("scrip_lanes_expected".to_owned(), 2.0),
        ("scrip_lanes{state=\"serving\"}".to_owned(), 1.0),
        (
            "scrip_capability_up{capability=\"commands\"}".to_owned(),
            1.0,
        ),
        (
            "scrip_capability_up{capability=\"queries\"}".to_owned(),
            1.0,
        ),
        (
            "scrip_capability_up{capability=\"publishing\"}".to_owned(),
            1.0,
        ),
        ("scrip_ready".to_owned(), 1.0),
        (
            "scrip_broker_connected{connection=\"receiving\"}".to_owned(),
            1.0,
        ),
        (
            "scrip_broker_connected{connection=\"queries\"}".to_owned(),
            1.0,
        ),
        (
            "scrip_broker_connected{connection=\"replies\"}".to_owned(),
            1.0,
        ),
        (
            "scrip_replies_dropped_total{reason=\"reply_to_unusable\"}".to_owned(),
            0.0,
        ),
        ("scrip_unreadable_queries_total".to_owned(), 0.0),
        ("scrip_refused_queries_total".to_owned(), 0.0),
        (
            "scrip_rejections_discarded_total{reason=\"too_many_letters\"}".to_owned(),
            0.0,
        ),
        ("scrip_lag_commands".to_owned(), 0.0),
    ] {
        wait_for_metric(fixture.address, &sample, expected).await;
    }
    let metrics = get(fixture.address, "/metrics").await.body;
    assert!(!metrics.contains("lovelace"), "{metrics}");
    assert_well_formed(&metrics);
    assert_all_documented(&metrics);
    assert!(worker.terminate().await.success());
}

/// Panics unless every sample comes after the type of its family, is unique and ends with a number.
fn assert_well_formed(metrics: &str) {
    let mut family = "";
    let mut families = Vec::new();
    let mut samples = Vec::new();
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap();
            assert!(!families.contains(&family), "{family} appears twice");
            families.push(family);
        } else if !line.starts_with("# HELP ") {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let name = sample.split('{').next().unwrap();
            let suffix = name
                .strip_prefix(family)
                .unwrap_or_else(|| panic!("{line} is in {family}"));
            assert!(
                ["", "_bucket", "_sum", "_count"].contains(&suffix),
                "{line}"
            );
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(!samples.contains(&sample), "{sample} appears twice");
            samples.push(sample);
        }
    }
    assert!(samples.len() > 50, "{metrics}");
}

/// Panics unless the page for operators names every family.
fn assert_all_documented(metrics: &str) {
    let page = page("reference/metrics.md");
    for family in metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
    {
        let name = family.split(' ').next().unwrap();
        assert!(
            page.contains(&format!("`{name}")),
            "the page of metrics does not name {name}"
        );
    }
}

/// Conformance: Back pressure and health: Metrics sum what all users hold and owe
#[tokio::test]
async fn metrics_sum_what_users_hold_and_owe() {
    let fixture = Fixture::new().await;
    let worker = ready_worker(&fixture).await;
    let mut replies = fixture.broker.replies().await;
    for command in [
        Command::promotion("g1", "ada", 50),
        Command::hold("h1", "ada", "llm:tokens").amount(20),
        Command::promotion("g2", "bob", 30),
        Command::hold("h2", "bob", "llm:tokens").amount(3),
        // The 3 credits that are held are owed.
        Command::revoke("r", "bob", "g2"),
    ] {
        fixture
            .broker
            .send_with(&command, replies.reply_properties("1"))
            .await;
        let outcome = replies.outcome().await;
        assert!(outcome.is_completed(), "{outcome:?}");
    }
    // The sums are read when a worker starts, and every 30 s.
    assert!(worker.terminate().await.success());
    let _worker = ready_worker(&fixture).await;
    wait_for_metric(fixture.address, "scrip_held_credits", 23.0).await;
    wait_for_metric(fixture.address, "scrip_debt_credits", 3.0).await;
}
