//! Faults under load: whatever is killed, restarted or cut, the trace ends with exactly the same balances, each
//! command once, in the order of its user.
//!
//! `SCRIP_SEED` repeats a run; each test prints its seed.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "faults/stage.rs"]
mod stage;

use stage::{Seed, Stage};
use tests::{proxy::Proxy, servers::Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_at_random_moments_and_restarted_loses_and_doubles_nothing() {
    let mut seed = Seed::new();
    let mut stage = Stage::new().await;
    // Small groups, so that there are many moments at which to die.
    stage.deployment.set("SCRIP__WORKER__GROUP_MAX", "100");
    let publishing = stage.publish().await;
    let mut kills = 0;
    let mut worker = stage.deployment.ready_worker().await;
    while let Some(moment) = stage.random_moment(&mut seed, 1_200) {
        stage.oracle.wait_for(moment).await;
        worker.kill().await;
        kills += 1;
        worker = stage.deployment.ready_worker().await;
        if stage.is_done().await {
            break;
        }
    }
    publishing.await.expect("every command is confirmed");
    stage.finish(worker).await;
    assert!(kills >= 10, "{kills} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_worker_takes_over_on_sigterm_and_on_sigkill_of_the_first() {
    let mut seed = Seed::new();
    let stage = Stage::new().await;
    let publishing = stage.publish().await;
    let mut first = stage.deployment.ready_worker().await;
    let mut second = stage.deployment.ready_worker().await;
    for round in 0..6 {
        let Some(moment) = stage.random_moment(&mut seed, 3_000) else {
            break;
        };
        stage.oracle.wait_for(moment).await;
        if round % 2 == 0 {
            assert!(first.terminate().await.success(), "it drains");
        } else {
            first.kill().await;
        }
        first = second;
        second = stage.deployment.ready_worker().await;
    }
    publishing.await.expect("every command is confirmed");
    drop(first);
    stage.finish(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_restarted_under_load_loses_and_doubles_nothing() {
    let mut seed = Seed::new();
    let mut postgres = Server::start("postgres").await;
    let stage = Stage::on_database(postgres.url()).await;
    let publishing = stage.publish().await;
    let worker = stage.deployment.ready_worker().await;
    for round in 0..4 {
        let Some(moment) = stage.random_moment(&mut seed, 4_000) else {
            break;
        };
        stage.oracle.wait_for(moment).await;
        if round % 2 == 0 {
            postgres.restart().await;
        } else {
            postgres.kill_and_start().await;
        }
    }
    publishing.await.expect("every command is confirmed");
    stage.finish(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_restarted_and_killed_under_load_loses_and_doubles_nothing() {
    let mut seed = Seed::new();
    let mut rabbitmq = Server::start("rabbitmq").await;
    let mut stage = Stage::on_broker(rabbitmq.url()).await;
    let publishing = stage.publish().await;
    let worker = stage.deployment.ready_worker().await;
    for round in 0..2 {
        let Some(moment) = stage.random_moment(&mut seed, 9_000) else {
            break;
        };
        stage.oracle.wait_for(moment).await;
        if round % 2 == 0 {
            rabbitmq.restart().await;
        } else {
            rabbitmq.kill_and_start().await;
        }
    }
    publishing.await.expect("every command is confirmed");
    stage.reconnect().await;
    stage.finish(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brokers_connections_cut_in_the_middle_of_acknowledgements_lose_and_double_nothing() {
    let mut seed = Seed::new();
    let proxy = Proxy::before(stage::broker_address()).await;
    let stage = Stage::through(&proxy).await;
    let publishing = stage.publish().await;
    let worker = stage.deployment.ready_worker().await;
    let mut cuts = 0;
    while let Some(moment) = stage.random_moment(&mut seed, 1_500) {
        stage.oracle.wait_for(moment).await;
        cuts += proxy.cut();
        if stage.is_done().await {
            break;
        }
    }
    publishing.await.expect("every command is confirmed");
    stage.finish(worker).await;
    assert!(cuts >= 10, "{cuts} connections were cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_duplicates_between_the_originals_change_nothing() {
    let mut seed = Seed::new();
    let stage = Stage::new().await;
    let worker = stage.deployment.ready_worker().await;
    let sent = stage.publish_with_duplicates(&mut seed, 100_000).await;
    assert!(sent >= stage.oracle.commands.len() + 100_000);
    stage.wait_until_read().await;
    stage.finish(worker).await;
}
