//! A PostgreSQL primary with a synchronous standby. The workers' broker is the cluster.

use std::time::Duration;

use integration::faults::bench::Verdict;
use serde_json::Value;
use testkit::{pair::Pair, process::Worker, proxy::Proxy};

use crate::{
    bench::{Bench, sum},
    fixture::{Fixture, Store},
};

/// How long a statement may take. A worker waits 5 s longer for a server that does not answer.
const STATEMENT_TIMEOUT: &str = "2s";
/// The delay of everything between primary and standby.
const DELAY: Duration = Duration::from_millis(100);

/// The way from the worker to the primary.
#[derive(Clone, Copy)]
enum Way {
    /// A proxy that a failover manager redirects.
    Proxy,
    /// The addresses of both servers in `DATABASE_URL`.
    BothAddresses,
}

async fn under_load(bench: &Bench, way: Way) -> (Pair, Fixture, Worker) {
    let pair = Pair::start().await;
    let hosts = match way {
        Way::Proxy => pair.clients.address().to_owned(),
        Way::BothAddresses => {
            let [first, second] =
                [&pair.primary, &pair.standby].map(|one| Proxy::target(one.url()));
            format!("{first},{second}")
        }
    };
    let store = Store::on(&pair.primary, &hosts).await;
    let mut fixture = Fixture::new(&bench.cluster, 2, store).await;
    let limit = STATEMENT_TIMEOUT;
    fixture
        .deployment
        .set("SCRIP__DATABASE__STATEMENT_TIMEOUT", limit);
    fixture.listen();
    fixture.start_load(bench.seed, bench.stream()).await;
    let worker = fixture.worker().await;
    fixture.moment().await;
    (pair, fixture, worker)
}

/// Promotes the standby and redirects the proxy. Its open connections stay.
async fn fail_over(pair: &Pair, fixture: &mut Fixture) {
    pair.standby.promote().await;
    pair.clients.redirect(Proxy::target(pair.standby.url()));
    fixture.read_from(&pair.standby).await;
}

/// Conformance: Ordering, failures and dead letters: When the primary of a synchronous standby is
/// killed and the standby promoted, no acknowledged command is lost or doubled
pub async fn primary_is_killed_and_the_standby_promoted(bench: &mut Bench) -> Verdict {
    let mut verdicts = Vec::new();
    for _ in 0..bench.times(1, 5) {
        let (mut pair, mut fixture, worker) = under_load(bench, Way::Proxy).await;
        let killed = fixture.fault();
        pair.primary.kill().await;
        fail_over(&pair, &mut fixture).await;
        fixture.recovered(killed).await;
        verdicts.push(fixture.finish(&bench.cluster, vec![worker]).await);
    }
    sum(verdicts)
}

/// Conformance: Ordering, failures and dead letters: When a frozen primary resumes after the
/// synchronous standby was promoted, no acknowledged command is lost or doubled
pub async fn primary_freezes_and_returns_after_the_promotion(bench: &mut Bench) -> Verdict {
    let mut verdicts = Vec::new();
    for _ in 0..bench.times(1, 5) {
        let (pair, mut fixture, worker) = under_load(bench, Way::BothAddresses).await;
        let frozen = fixture.fault();
        pair.primary.signal("STOP").await;
        fail_over(&pair, &mut fixture).await;
        fixture.recovered(frozen).await;
        pair.primary.signal("CONT").await;
        fixture.moment().await;
        verdicts.push(fixture.finish(&bench.cluster, vec![worker]).await);
    }
    sum(verdicts)
}

/// Conformance: Ordering, failures and dead letters: A worker leaves sessions that a proxy keeps to
/// an old primary, and no acknowledged command is lost or doubled
pub async fn a_proxy_keeps_sessions_to_the_old_primary(bench: &mut Bench) -> Verdict {
    let mut verdicts = Vec::new();
    for _ in 0..bench.times(1, 5) {
        let (pair, mut fixture, worker) = under_load(bench, Way::Proxy).await;
        let promoted = fixture.fault();
        fail_over(&pair, &mut fixture).await;
        fixture.recovered(promoted).await;
        verdicts.push(fixture.finish(&bench.cluster, vec![worker]).await);
    }
    sum(verdicts)
}

/// Conformance: Ordering, failures and dead letters: A slow synchronous standby makes commands
/// slow, and loses none
pub async fn standby_is_slow(bench: &mut Bench) -> Verdict {
    let (pair, mut fixture, worker) = under_load(bench, Way::Proxy).await;
    for _ in 0..bench.times(1, 5) {
        let slow = fixture.fault();
        pair.replication.delay(DELAY);
        fixture.recovered(slow).await;
        fixture.moment().await;
        pair.replication.delay(Duration::ZERO);
        fixture.moment().await;
    }
    fixture.finish(&bench.cluster, vec![worker]).await
}

/// Conformance: Back pressure and health: While commits wait for a synchronous standby that is
/// gone, the worker is not ready; it continues when the standby is back or no longer required
pub async fn standby_is_gone(bench: &mut Bench) -> Verdict {
    let is_ready = |expected: bool| move |report: &Value| report["ok"] == expected;
    let (pair, mut fixture, worker) = under_load(bench, Way::Proxy).await;
    for is_required in [true, false].repeat(bench.times(1, 5)) {
        pair.replication.close();
        fixture.health(is_ready(false)).await;
        let back = fixture.fault();
        if is_required {
            pair.replication.open();
        } else {
            pair.require("").await;
        }
        fixture.recovered(back).await;
        fixture.health(is_ready(true)).await;
        if !is_required {
            pair.replication.open();
            pair.require_again().await;
        }
        fixture.moment().await;
    }
    fixture.finish(&bench.cluster, vec![worker]).await
}
