//! A standby is promoted: the worker continues there.

use crate::fixture::{Fixture, transactions};

/// Conformance: Ordering, failures and dead letters: With several addresses a worker follows the
/// primary after a promotion
#[tokio::test]
async fn commands_continue_on_the_promoted_standby_after_the_primary_was_killed() {
    let mut fixture = Fixture::with_both_addresses().await;
    let worker = fixture.deployment.ready_worker().await;
    fixture.apply().await;
    fixture.standby.catch_up_with(&fixture.primary).await;
    fixture.primary.kill().await;
    fixture.relay.close();
    fixture.send().await;
    worker.wait_for("group commit failed, retrying").await;
    fixture.standby.promote().await;
    let began = tokio::time::Instant::now();
    assert!(fixture.replies.outcome().await.is_completed());
    println!("primary killed: {:?} after the promotion", began.elapsed());
    worker
        .wait_for("database connections moved to another server")
        .await;
    assert_eq!(transactions(&fixture.standby).await, "2");
    let report = fixture.health(|report| report["ok"] == true).await;
    assert_eq!(report["checks"]["server"]["timeline"], 2, "{report}");
    assert!(worker.terminate().await.success());
}

/// Conformance: Ordering, failures and dead letters: With several addresses a worker follows the
/// primary after a promotion
#[tokio::test]
async fn commands_continue_on_the_promoted_standby_after_the_primary_went_silent() {
    let mut fixture = Fixture::with_both_addresses().await;
    let worker = fixture.deployment.ready_worker().await;
    fixture.apply().await;
    fixture.standby.catch_up_with(&fixture.primary).await;
    fixture.relay.deafen();
    fixture.send().await;
    fixture.standby.promote().await;
    let began = tokio::time::Instant::now();
    assert!(fixture.replies.outcome().await.is_completed());
    println!("primary silent: {:?} after the promotion", began.elapsed());
    for _ in 0..3 {
        fixture.apply().await;
    }
    assert_eq!(transactions(&fixture.standby).await, "5");
    assert_eq!(transactions(&fixture.primary).await, "1");
    assert!(worker.terminate().await.success());
}

/// Conformance: Configuration and command line: Each address of a database has its own time limit,
/// and an error names each address with its cause
#[tokio::test]
async fn a_standby_as_the_first_address_is_skipped_by_workers_and_commands() {
    let mut fixture = Fixture::new(|primary, standby| format!("{standby},{primary}")).await;
    let worker = fixture.deployment.ready_worker().await;
    fixture.apply().await;
    fixture.deployment.succeed(&["balance", "c-1"]).await;
    let checked = fixture.deployment.succeed(&["config", "check"]).await;
    assert!(checked.contains(fixture.relay.address()), "{checked}");
    assert!(worker.terminate().await.success());
    // Without a primary the error names both addresses. A standby may be asked for explicitly.
    fixture.standby.catch_up_with(&fixture.primary).await;
    fixture.relay.close();
    let failed = fixture.deployment.fail(&["balance", "c-1"]).await;
    for part in [
        "a standby, which accepts no writes",
        fixture.relay.address(),
    ] {
        assert!(failed.contains(part), "{failed}");
    }
    let url = format!("{}?target_session_attrs=any", fixture.standby.url());
    fixture.deployment.set("DATABASE_URL", &url);
    fixture.deployment.succeed(&["balance", "c-1"]).await;
}
