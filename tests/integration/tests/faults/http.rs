//! An HTTP server between apps and broker that is killed, cut off, or without its broker. Each app
//! sends a command again until it is accepted.

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::{Setup, Via},
};
use testkit::proxy::Direction;

use crate::broker::cut;

fn through(relays: &'static [Via]) -> Setup {
    Setup {
        http: true,
        relays,
        ..Setup::default()
    }
}

/// Conformance: HTTP API: No accepted command is lost or applied twice when the HTTP server is killed
pub async fn killed_and_started_again(bench: &mut Bench) -> Verdict {
    let times = bench.times(6, 40);
    let mut fixture = bench.fixture(through(&[])).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(200).await;
        let server = fixture.http.take().expect("a server");
        let killed = fixture.fault();
        fixture.http = Some(server.kill_and_start(&fixture.deployment).await);
        fixture.recovered(killed).await;
    }
    fixture.finish(vec![worker]).await
}

/// Conformance: HTTP API: No accepted command is lost or applied twice when a connection of an app is
/// cut in a request
pub async fn cut_in_a_request(bench: &mut Bench) -> Verdict {
    cut(
        bench,
        through(&[Via::Producers]),
        Direction::ToServer,
        5_000,
    )
    .await
}

/// Conformance: HTTP API: No accepted command is lost or applied twice when a connection of an app is
/// cut before the response
pub async fn cut_before_the_response(bench: &mut Bench) -> Verdict {
    cut(
        bench,
        through(&[Via::Producers]),
        Direction::ToClient,
        1_000,
    )
    .await
}

/// Conformance: HTTP API: No accepted command is lost or applied twice when the broker is away
pub async fn broker_is_killed(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 6);
    let mut fixture = bench.fixture(through(&[])).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(200).await;
        fixture.servers.rabbitmq.kill_and_start().await;
        let back = fixture.fault();
        fixture.recovered(back).await;
    }
    fixture.finish(vec![worker]).await
}
