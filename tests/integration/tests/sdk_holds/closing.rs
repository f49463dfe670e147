//! The job that closes holds that have ended.

use std::sync::Arc;

use chrono::TimeDelta;
use producer_sdk::Command;
use scrip::{clock::Clock, jobs::HoldCloser};
use testkit::ledger::promote;
use tokio_util::sync::CancellationToken;

use super::guard::{PRICES, core};
use crate::queries::fixture::{Fixture, On, ago};

/// Conformance: Scheduler and jobs: Every minute the holds that have ended are closed
pub async fn holds_that_have_ended_are_closed_and_others_stay(on: On) {
    let mut fixture = Fixture::new(on, PRICES).await;
    fixture.ledger.now = ago(TimeDelta::hours(2));
    let hold = |name: &str, user: &str, seconds| {
        core(
            Command::hold(name, user, "other")
                .amount(30)
                .expires_in_seconds(seconds),
        )
    };
    let commands = [
        promote("p-1", "ada", 100, None),
        promote("p-2", "bob", 100, None),
        hold("ended", "ada", 3600),
        hold("open", "ada", 86_400),
        hold("other", "bob", 86_400),
    ];
    for command in commands {
        fixture.ledger.one(command).await;
    }
    let closer = HoldCloser {
        database: fixture.ledger.store.database().clone(),
        client: Arc::new(fixture.client.clone()),
        redis: None,
        clock: Clock::system(),
        worker: "worker".to_owned(),
        stop: CancellationToken::new(),
    };
    assert_eq!(closer.close_ended().await.expect("closed"), 1, "one user");
    let all = fixture.client.all_holds("ada").await.expect("holds").items;
    let states: Vec<_> = all
        .iter()
        .map(|hold| (hold.reference_id.as_str(), hold.status.as_str(), hold.held))
        .collect();
    assert_eq!(states, [("open", "OPEN", 30), ("ended", "EXPIRED", 0)]);
    assert!(all[1].closed_at.is_some_and(|at| at >= all[1].expires_at));
    let balance = fixture.client.balance("ada").await.expect("a balance");
    assert_eq!((balance.held, balance.available_credits), (30, 70));
    assert_eq!(balance.holds_end_at, Some(all[0].expires_at));
    assert_eq!(
        closer.close_ended().await.expect("closed"),
        0,
        "nothing left"
    );
    fixture.end().await;
}
