//! The load: commands of many users, and the check that each was applied exactly once.

use std::collections::VecDeque;

use producer_sdk::{
    Command, Options, Producer, Properties, PublishHandle,
    contract::{MAX_BODY_BYTES, bucket},
};
use serde_json::json;

use crate::fixture::{Fixture, PACKAGE, PACKAGE_CREDITS};

/// The number of credits that each user purchases first.
const FUNDS: u32 = 1_000_000;
/// One in this number of commands grants one credit. The others spend one credit.
const GIFTS: u32 = 10;

/// Commands of many users. Each user first purchases credits. The later commands spend or grant one
/// credit each.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub users: u32,
    /// The size of each body in bytes; `None` means no padding.
    size: Option<usize>,
    /// Whether all commands are purchases of [`PACKAGE`].
    packages: bool,
    /// The number of commands, including the purchases.
    pub commands: u32,
}

impl Load {
    /// Commands of the usual size.
    pub fn usual(commands: u32, users: u32) -> Self {
        Self {
            users: users.min(commands),
            size: None,
            packages: false,
            commands,
        }
    }

    /// Commands of the maximum size, with large stored fields.
    pub fn largest(commands: u32, users: u32) -> Self {
        Self {
            size: Some(MAX_BODY_BYTES),
            ..Self::usual(commands, users)
        }
    }

    /// Purchases of a package that is not configured at first.
    pub fn payments(commands: u32, users: u32) -> Self {
        Self {
            packages: true,
            ..Self::usual(commands, users)
        }
    }

    /// The reference of the `n`-th command.
    pub fn reference(n: u32) -> String {
        format!("bench-{n}")
    }

    fn command(&self, n: u32) -> Command {
        let reference = Self::reference(n);
        let user = format!("user-{}", n % self.users);
        if self.packages {
            return Command::purchase_package(&reference, user, PACKAGE, &reference);
        }
        let command = if n < self.users {
            Command::purchase_credits(&reference, user, FUNDS.into(), &reference)
        } else if is_gift(n) {
            Command::promotion(reference, user, 1)
        } else {
            Command::consume(reference, user, "google:fast").amount(1)
        };
        if self.size.is_some() {
            command
                .metadata(&json!({ "text": "m".repeat(4_000) }))
                .description("d".repeat(1_000))
        } else {
            command.metadata(&json!({ "model": "m-3-large", "request": n }))
        }
    }

    /// The total balance of all wallets after `commands` commands.
    fn balance(&self, commands: u32) -> i64 {
        if self.packages {
            return i64::from(commands) * PACKAGE_CREDITS;
        }
        let bought = i64::from(self.users.min(commands)) * i64::from(FUNDS);
        let moved = (self.users..commands).map(|n| if is_gift(n) { 1 } else { -1 });
        bought + moved.sum::<i64>()
    }

    /// Panics unless each of the first `commands` commands was applied exactly once.
    pub async fn check(&self, fixture: &Fixture, commands: u32) {
        let applied = "SELECT count(DISTINCT reference_id) FROM credits_transaction \
                       WHERE status = 'COMPLETED'";
        assert_eq!(
            fixture.number(applied).await,
            i64::from(commands),
            "applied commands"
        );
        let all = "SELECT count(*) FROM credits_transaction";
        assert_eq!(
            fixture.number(all).await,
            i64::from(commands),
            "transactions"
        );
        for (name, column, table) in [
            ("balances", "balance", "credits_balance"),
            ("credits in batches", "remaining", "credits_batch"),
            ("allocated credits", "amount", "credits_allocation"),
        ] {
            let sum = format!("SELECT CAST(SUM({column}) AS bigint) FROM {table}");
            assert_eq!(fixture.number(&sum).await, self.balance(commands), "{name}");
        }
    }
}

fn is_gift(n: u32) -> bool {
    n.is_multiple_of(GIFTS)
}

/// A producer that publishes the commands of a load in order and checks each confirm.
pub struct Publishing<'a> {
    load: &'a Load,
    fixture: &'a Fixture,
    producer: Producer,
    unconfirmed: VecDeque<PublishHandle>,
    window: usize,
    /// The number of the next command.
    pub next: u32,
}

impl<'a> Publishing<'a> {
    /// A producer with the default window.
    pub async fn to(fixture: &'a Fixture, load: &'a Load) -> Self {
        let options = Options {
            namespace: fixture.topology().namespace().to_owned(),
            // The SDK publishes a command again until the full queue accepts it.
            confirm_timeout: fixture.timeout,
            ..Options::default()
        };
        let window = options.window;
        let producer = Producer::connect(fixture.broker.url(), options)
            .await
            .expect("a producer");
        Self {
            load,
            fixture,
            producer,
            unconfirmed: VecDeque::with_capacity(window),
            window,
            next: 0,
        }
    }

    /// Publishes the next command when the window has space. No command is lost when the future is
    /// dropped.
    pub async fn publish(&mut self) {
        let command = self.load.command(self.next);
        let handle = match self.load.size {
            None => self.producer.enqueue(&command).await,
            Some(size) => {
                let mut body = command.to_json();
                body.resize(size, b' ');
                let exchange = self.fixture.topology().exchange(command.origin());
                let key = bucket(&command.user_id).to_string();
                let properties = Properties {
                    persistent: true,
                    message_id: Some(command.reference_id),
                    ..Properties::default()
                };
                self.producer
                    .enqueue_raw(&exchange, &key, properties, body)
                    .await
            }
        };
        self.unconfirmed
            .push_back(handle.expect("space in the window"));
        self.next += 1;
        // The SDK enforces the window. This only limits the number of handles.
        while self.unconfirmed.len() > self.window {
            self.confirm_first().await;
        }
    }

    /// Waits until everything is confirmed.
    pub async fn confirmed(&mut self) {
        while !self.unconfirmed.is_empty() {
            self.confirm_first().await;
        }
    }

    async fn confirm_first(&mut self) {
        if let Some(first) = self.unconfirmed.front_mut() {
            first.await.expect("a confirm");
            self.unconfirmed.pop_front();
        }
    }

    /// Disconnects.
    pub async fn close(self) {
        self.producer.close().await.expect("closed");
    }
}
