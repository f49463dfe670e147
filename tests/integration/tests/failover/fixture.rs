//! A primary, a standby, and workers that have the addresses of both.

use std::{net::TcpListener, time::Duration};

use producer_sdk::Command;
use serde_json::Value;
use testkit::{
    broker::{Inbox, TIMEOUT, TestBroker, broker_url},
    process::Deployment,
    promotion::value,
    proxy::Proxy,
    servers::Server,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};

/// Two servers and a worker need the whole machine, so one test runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A primary with a relay in front, a standby, and a namespace.
pub struct Fixture {
    pub primary: Server,
    pub standby: Server,
    /// The relay between clients and the server that is the primary at first.
    pub relay: Proxy,
    pub broker: TestBroker,
    pub deployment: Deployment,
    pub replies: Inbox,
    sent: u32,
    _turn: MutexGuard<'static, ()>,
}

impl Fixture {
    /// Starts the servers, and creates the schema. `hosts` makes the hosts of the URL from the
    /// addresses of the relay and of the standby.
    pub async fn new(hosts: impl Fn(&str, &str) -> String) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let primary = Server::primary().await;
        let standby = Server::standby_of(&primary).await;
        let relay = Proxy::before(Proxy::target(primary.url())).await;
        let broker = TestBroker::start().await;
        let hosts = hosts(relay.address(), &Proxy::target(standby.url()));
        let url = format!("postgres://postgres@{hosts}/postgres");
        let mut deployment =
            Deployment::on_servers(&broker_url(), &url, broker.topology().namespace());
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        deployment.set("SCRIP__HEALTH__LISTEN", &address);
        deployment.succeed(&["migrate", "up"]).await;
        let replies = broker.replies().await;
        Self {
            primary,
            standby,
            relay,
            broker,
            deployment,
            replies,
            sent: 0,
            _turn: turn,
        }
    }

    /// Both addresses, first that of the server that is the primary at first.
    pub async fn with_both_addresses() -> Self {
        Self::new(|primary, standby| format!("{primary},{standby}")).await
    }

    /// Sends a bonus for a new user.
    pub async fn send(&mut self) {
        self.sent += 1;
        let name = format!("c-{}", self.sent);
        let bonus = Command::registration_bonus(&name, &name);
        self.broker
            .send_with(&bonus, self.replies.reply_properties(&name))
            .await;
    }

    /// Sends a bonus for a new user, and waits until it is applied. Returns the time until then.
    pub async fn apply(&mut self) -> Duration {
        let began = Instant::now();
        self.send().await;
        assert!(self.replies.outcome().await.is_completed());
        began.elapsed()
    }

    /// Waits until `scrip health` prints an expected report.
    pub async fn health(&self, expected: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            let output = self.deployment.run(&["health", "--json"]).await;
            if let Ok(report) = serde_json::from_slice(&output.stdout) {
                last = report;
                if expected(&last) {
                    return last;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{last}");
    }
}

/// The number of transactions of the ledger at a server.
pub async fn transactions(server: &Server) -> String {
    value(
        server.url(),
        "SELECT count(*)::text FROM credits_transaction",
    )
    .await
}
