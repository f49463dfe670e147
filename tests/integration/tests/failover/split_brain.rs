//! An old primary comes back without being fenced: no worker uses it, and each raises an alarm.

use testkit::{proxy::Proxy, servers::Server};

use crate::fixture::{Fixture, transactions};

const REFUSED: &str = "connection to a wrong database server refused";

/// Conformance: Ordering, failures and dead letters: An old primary that comes back is not written
/// to, and raises an alarm
#[tokio::test]
async fn an_old_primary_that_comes_back_is_not_used_and_raises_an_alarm() {
    let mut fixture = Fixture::with_both_addresses().await;
    let worker = fixture.deployment.ready_worker().await;
    fixture.apply().await;
    fixture.standby.catch_up_with(&fixture.primary).await;
    fixture.primary.kill().await;
    fixture.standby.promote().await;
    fixture.apply().await;
    fixture.primary.bring_back().await;
    worker.wait_for(REFUSED).await;
    let report = fixture
        .health(|report| report["checks"]["server"]["ok"] == false)
        .await;
    let error = report["checks"]["server"]["error"].as_str().unwrap();
    assert!(
        error.contains("older") || error.contains("timeline 1"),
        "{error}"
    );
    assert_eq!(report["ok"], true, "the worker serves: {report}");
    for _ in 0..20 {
        fixture.apply().await;
    }
    // A worker that starts now asks both servers.
    assert!(worker.terminate().await.success());
    let worker = fixture.deployment.ready_worker().await;
    for _ in 0..20 {
        fixture.apply().await;
    }
    assert_eq!(transactions(&fixture.standby).await, "42");
    assert_eq!(transactions(&fixture.primary).await, "1");
    // The alarm ends when the old primary is gone. The log may have it from the search of the
    // start, which ends before the worker watches the servers.
    worker.wait_for(REFUSED).await;
    fixture
        .health(|report| report["checks"]["server"]["ok"] == false)
        .await;
    fixture.primary.kill().await;
    worker.wait_for("wrong database server is gone").await;
    fixture
        .health(|report| report["checks"]["server"]["ok"] == true)
        .await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Ordering, failures and dead letters: An old primary that comes back is not written
/// to, and raises an alarm
#[tokio::test]
async fn a_proxy_that_leads_back_to_the_old_primary_is_refused() {
    let mut fixture = Fixture::new(|primary, _| primary.to_owned()).await;
    let worker = fixture.deployment.ready_worker().await;
    fixture.apply().await;
    fixture.standby.catch_up_with(&fixture.primary).await;
    // The proxy keeps the sessions on the old primary, and leads new ones to the new primary.
    fixture.relay.redirect(Proxy::target(fixture.standby.url()));
    fixture.standby.promote().await;
    worker
        .wait_for("database server has a newer timeline")
        .await;
    let before = transactions(&fixture.primary).await;
    fixture.apply().await;
    // The proxy leads back to the old primary.
    fixture.relay.redirect(Proxy::target(fixture.primary.url()));
    fixture.relay.cut();
    fixture.send().await;
    worker.wait_for(REFUSED).await;
    let report = fixture.health(|report| report["ok"] == false).await;
    assert_eq!(report["checks"]["server"]["ok"], false, "{report}");
    assert_eq!(transactions(&fixture.primary).await, before);
    fixture.relay.redirect(Proxy::target(fixture.standby.url()));
    assert!(fixture.replies.outcome().await.is_completed());
    assert_eq!(transactions(&fixture.primary).await, before);
    assert!(worker.terminate().await.success());
}

/// Conformance: Ordering, failures and dead letters: An old primary that comes back is not written
/// to, and raises an alarm
#[tokio::test]
async fn a_database_of_another_cluster_is_refused_until_the_worker_restarts() {
    let mut fixture = Fixture::new(|primary, _| primary.to_owned()).await;
    let worker = fixture.deployment.ready_worker().await;
    fixture.apply().await;
    let other = Server::primary().await;
    fixture.relay.redirect(Proxy::target(other.url()));
    fixture.relay.cut();
    fixture.send().await;
    worker.wait_for("belongs to the cluster").await;
    fixture
        .health(|report| report["checks"]["server"]["ok"] == false)
        .await;
    fixture.relay.redirect(Proxy::target(fixture.primary.url()));
    assert!(fixture.replies.outcome().await.is_completed());
    assert!(worker.terminate().await.success());
}
