//! What is counted is what was done.

use producer_sdk::contract::{Command, Door};

use crate::page::page;
use crate::stage::{Stage, get, ready_worker, wait_for_metric};

#[tokio::test]
async fn metrics_count_what_was_done_and_name_no_user() {
    let stage = Stage::new().await;
    let worker = ready_worker(&stage).await;
    let lane = stage.broker.topology().commands(0);
    let mut replies = stage.broker.replies().await;
    let bonus = Command::registration_bonus("r", "ada-lovelace");
    let too_much = Command::consume("c", "ada-lovelace", "llm:tokens").quantity(10_000_000);
    for command in [&bonus, &bonus, &too_much] {
        stage.broker.send_with(command, replies.asking("1")).await;
        // One after the other, so that each is a group of its own.
        replies.outcome().await;
    }
    stage.broker.send_body(Door::Usage, b"not json").await;

    let commands = |result: &str| format!("scrip_commands_total{{lane=\"{lane}\",result=\"{result}\"}}");
    for result in ["completed", "refused", "replayed"] {
        wait_for_metric(stage.address, &commands(result), 1.0).await;
    }
    let dead = format!("scrip_dead_letters_total{{lane=\"{lane}\",reason=\"not_json\"}}");
    wait_for_metric(stage.address, &dead, 1.0).await;
    let waiting = format!(
        "scrip_queue_messages{{queue=\"{}\"}}",
        stage.broker.topology().dead()
    );
    wait_for_metric(stage.address, &waiting, 1.0).await;
    for (sample, expected) in [
        (format!("scrip_group_commands_count{{lane=\"{lane}\"}}"), 3.0),
        (format!("scrip_group_commands_sum{{lane=\"{lane}\"}}"), 3.0),
        (
            format!("scrip_group_commands_bucket{{lane=\"{lane}\",le=\"1\"}}"),
            3.0,
        ),
        (format!("scrip_commit_seconds_count{{lane=\"{lane}\"}}"), 3.0),
        (
            format!("scrip_commit_seconds_bucket{{lane=\"{lane}\",le=\"+Inf\"}}"),
            3.0,
        ),
        // A bonus is for the careful way; spending, also in vain, is not.
        ("scrip_groups_total{way=\"careful\"}".to_owned(), 2.0),
        ("scrip_groups_total{way=\"quick\"}".to_owned(), 1.0),
        ("scrip_groups_total{way=\"quick_in_vain\"}".to_owned(), 0.0),
        // There before they happen, so that the first is seen to be one more.
        (
            format!("scrip_dead_letters_total{{lane=\"{lane}\",reason=\"unapplied:unknown_package\"}}"),
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
        ("scrip_lanes_expected".to_owned(), 3.0),
        ("scrip_lanes{state=\"serving\"}".to_owned(), 2.0),
        ("scrip_ready".to_owned(), 1.0),
        ("scrip_broker_connected{connection=\"receiving\"}".to_owned(), 1.0),
        ("scrip_broker_connected{connection=\"queries\"}".to_owned(), 1.0),
        ("scrip_broker_connected{connection=\"replies\"}".to_owned(), 1.0),
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
        wait_for_metric(stage.address, &sample, expected).await;
    }
    let told = get(stage.address, "/metrics").await.body;
    assert!(!told.contains("lovelace"), "{told}");
    assert_well_formed(&told);
    assert_all_documented(&told);
    assert!(worker.terminate().await.success());
}

/// Every sample follows the type of its family, once, and ends with a number.
fn assert_well_formed(told: &str) {
    let mut family = "";
    let mut families = Vec::new();
    let mut samples = Vec::new();
    for line in told.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap();
            assert!(!families.contains(&family), "{family} is told twice");
            families.push(family);
        } else if !line.starts_with("# HELP ") {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let name = sample.split('{').next().unwrap();
            let suffix = name
                .strip_prefix(family)
                .unwrap_or_else(|| panic!("{line} is in {family}"));
            assert!(["", "_bucket", "_sum", "_count"].contains(&suffix), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(!samples.contains(&sample), "{sample} is told twice");
            samples.push(sample);
        }
    }
    assert!(samples.len() > 50, "{told}");
}

/// The page for operators names every family.
fn assert_all_documented(told: &str) {
    let page = page();
    for family in told.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = family.split(' ').next().unwrap();
        assert!(
            page.contains(&format!("`{name}")),
            "OPERATIONS.md does not name {name}"
        );
    }
}
