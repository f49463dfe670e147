//! Two apps and a payment bridge that send 100 commands per second, and the latency of each
//! command.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use producer_sdk::{Client, Command};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, interval},
};
use tokio_util::sync::CancellationToken;

use crate::fixture::{BATCHES, Fixture, WHALE};

/// The interval between two commands.
const PERIOD: Duration = Duration::from_millis(10);
/// The maximum time from the publishing of a command to its outcome.
const LONGEST: Duration = Duration::from_secs(2);
const USERS: usize = 16;
const FUNDS: i64 = 1_000_000;

/// The senders.
pub struct Innocents {
    stop: CancellationToken,
    during: Arc<Mutex<String>>,
    running: JoinHandle<Waits>,
}

/// The results of all commands.
pub struct Waits {
    all: Vec<Wait>,
    elapsed: Duration,
}

struct Wait {
    /// The hostile message that was being sent when this command was.
    during: String,
    took: Duration,
    failed: Option<String>,
}

impl Innocents {
    pub async fn start(fixture: &Fixture) -> Self {
        let apps = [fixture.client("app").await, fixture.client("app").await].map(Arc::new);
        let bridge = Arc::new(fixture.client("bridge").await);
        for user in 0..USERS {
            let reference = format!("funds-{user}");
            let funds = Command::purchase_credits(&reference, name(user), FUNDS, &reference);
            assert!(
                bridge
                    .send(&funds)
                    .await
                    .expect("an outcome")
                    .is_completed()
            );
        }
        let whale = (0..BATCHES).map(|n| {
            let reference = format!("whale-{n}");
            Command::purchase_credits(&reference, WHALE, 1, &reference)
        });
        let whale = whale.map(|command| {
            let bridge = bridge.clone();
            async move { bridge.send(&command).await.expect("an outcome") }
        });
        join_all(whale).await;
        let stop = CancellationToken::new();
        let during = Arc::new(Mutex::new("nothing hostile yet".to_owned()));
        let running = tokio::spawn(send(apps, bridge, during.clone(), stop.clone()));
        Self {
            stop,
            during,
            running,
        }
    }

    /// Sets the name of the hostile message that is sent from now on.
    pub fn during(&self, name: &str) {
        name.clone_into(&mut self.during.lock().expect("not poisoned"));
    }

    /// Stops sending and waits for the outstanding outcomes.
    pub async fn finish(self) -> Waits {
        self.stop.cancel();
        self.running.await.expect("no panic")
    }
}

fn name(user: usize) -> String {
    format!("innocent-{user}")
}

async fn send(
    apps: [Arc<Client>; 2],
    bridge: Arc<Client>,
    during: Arc<Mutex<String>>,
    stop: CancellationToken,
) -> Waits {
    let began = Instant::now();
    let mut tick = interval(PERIOD);
    let mut open = JoinSet::new();
    let mut all = Vec::new();
    for n in 0_usize.. {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = tick.tick() => {}
        }
        let user = name(n % USERS);
        let (client, command) = if n.is_multiple_of(5) {
            let reference = format!("paid-{n}");
            (
                &bridge,
                Command::purchase_credits(&reference, user, 10, &reference),
            )
        } else {
            (
                &apps[n % 2],
                Command::consume(format!("spent-{n}"), user, "s").amount(1),
            )
        };
        let (client, during) = (client.clone(), during.lock().expect("not poisoned").clone());
        open.spawn(async move {
            let began = Instant::now();
            let outcome = client.send(&command).await;
            let took = began.elapsed();
            let failed = match outcome {
                Ok(outcome) if outcome.is_completed() => None,
                other => Some(format!("{}: {other:?}", command.reference_id)),
            };
            Wait {
                during,
                took,
                failed,
            }
        });
        while let Some(wait) = open.try_join_next() {
            all.push(wait.expect("no panic"));
        }
    }
    let elapsed = began.elapsed();
    while let Some(wait) = open.join_next().await {
        all.push(wait.expect("no panic"));
    }
    Waits { all, elapsed }
}

impl Waits {
    /// Panics unless every command got its outcome in time.
    pub fn judge(self) {
        let distribution = self.distribution();
        println!("{distribution}");
        let failed: Vec<_> = self
            .all
            .iter()
            .filter(|wait| wait.failed.is_some())
            .collect();
        for wait in &failed {
            println!("during {}: {:?}", wait.during, wait.failed);
        }
        assert!(
            failed.is_empty(),
            "{} innocent commands failed",
            failed.len()
        );
        let least = self.elapsed.as_millis() * 95 / 1000;
        let sent = self.all.len() as u128;
        assert!(
            sent >= least,
            "{sent} commands were sent, expected at least {least}"
        );
        let longest = self
            .all
            .iter()
            .max_by_key(|wait| wait.took)
            .expect("commands");
        assert!(
            longest.took <= LONGEST,
            "an innocent command took {:?} during `{}`; \
             at most {LONGEST:?} is allowed\n{distribution}",
            longest.took,
            longest.during
        );
    }

    fn distribution(&self) -> String {
        let mut sorted: Vec<Duration> = self.all.iter().map(|wait| wait.took).collect();
        sorted.sort_unstable();
        let at = |thousandth: usize| sorted[(sorted.len() - 1) * thousandth / 1000];
        let mut by_case = BTreeMap::<&str, Duration>::new();
        for wait in &self.all {
            let longest = by_case.entry(&wait.during).or_default();
            *longest = wait.took.max(*longest);
        }
        let mut slowest: Vec<_> = by_case.into_iter().collect();
        slowest.sort_unstable_by_key(|(_, took)| std::cmp::Reverse(*took));
        slowest.truncate(5);
        format!(
            "{} innocent commands in {:.0?}: half within {:.1?}, 99% within {:.1?}, 99.9% within \
                {:.1?}, all \
             within {:.1?}; the longest during each of {slowest:.1?}",
            sorted.len(),
            self.elapsed,
            at(500),
            at(990),
            at(999),
            at(1000),
        )
    }
}
