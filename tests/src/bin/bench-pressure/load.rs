//! The load: commands of many users, and the check that each was applied once.

use std::collections::VecDeque;

use producer_sdk::{
    Command, Options, Producer, Properties, PublishHandle,
    contract::{MAX_BODY_BYTES, bucket},
};
use serde_json::json;

use crate::stage::{PACKAGE, PACKAGE_CREDITS, Stage};

/// What each user buys first.
const FUNDS: u32 = 1_000_000;
/// One in so many commands is a gift of one credit; the others spend one.
const GIFTS: u32 = 10;

/// Commands of many users: first everybody buys credits, then they spend one by one, with a gift now and then.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub users: u32,
    size: Option<usize>,
    packages: bool,
    /// The number of commands, those included that buy credits.
    pub commands: u32,
}

impl Load {
    /// As apps send them.
    pub fn usual(commands: u32, users: u32) -> Self {
        Self {
            users: users.min(commands),
            size: None,
            packages: false,
            commands,
        }
    }

    /// Each as large as it may be, with as much as may be kept of it.
    pub fn largest(commands: u32, users: u32) -> Self {
        Self {
            size: Some(MAX_BODY_BYTES),
            ..Self::usual(commands, users)
        }
    }

    /// Payments for a package that is not for sale at first.
    pub fn payments(commands: u32, users: u32) -> Self {
        Self {
            packages: true,
            ..Self::usual(commands, users)
        }
    }

    /// The reference of a command.
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

    /// What the wallets hold together after `commands` commands.
    fn balance(&self, commands: u32) -> i64 {
        if self.packages {
            return i64::from(commands) * PACKAGE_CREDITS;
        }
        let bought = i64::from(self.users.min(commands)) * i64::from(FUNDS);
        let moved = (self.users..commands).map(|n| if is_gift(n) { 1 } else { -1 });
        bought + moved.sum::<i64>()
    }

    /// Checks that each of the first `commands` commands was applied exactly once.
    pub async fn check(&self, stage: &Stage, commands: u32) {
        let applied =
            "SELECT count(DISTINCT reference_id) FROM credits_transaction WHERE status = 'COMPLETED'";
        assert_eq!(
            stage.number(applied).await,
            i64::from(commands),
            "applied commands"
        );
        let all = "SELECT count(*) FROM credits_transaction";
        assert_eq!(stage.number(all).await, i64::from(commands), "transactions");
        for (what, column, table) in [
            ("balances", "balance", "credits_balance"),
            ("what batches hold", "remaining", "credits_batch"),
            ("what was moved", "amount", "credits_allocation"),
        ] {
            let sum = format!("SELECT CAST(SUM({column}) AS bigint) FROM {table}");
            assert_eq!(stage.number(&sum).await, self.balance(commands), "{what}");
        }
    }
}

fn is_gift(n: u32) -> bool {
    n.is_multiple_of(GIFTS)
}

/// A producer that publishes one command after the other, and sees each confirmed.
pub struct Publishing<'a> {
    load: &'a Load,
    stage: &'a Stage,
    producer: Producer,
    unconfirmed: VecDeque<PublishHandle>,
    window: usize,
    /// The next command.
    pub next: u32,
}

impl<'a> Publishing<'a> {
    /// A producer with the default window.
    pub async fn to(stage: &'a Stage, load: &'a Load) -> Self {
        let options = Options {
            namespace: stage.topology().namespace().to_owned(),
            // What a full queue refuses is sent again until it is taken.
            confirm_timeout: stage.patience,
            ..Options::default()
        };
        let window = options.window;
        let producer = Producer::connect(stage.broker.url(), options)
            .await
            .expect("a producer");
        Self {
            load,
            stage,
            producer,
            unconfirmed: VecDeque::with_capacity(window),
            window,
            next: 0,
        }
    }

    /// Publishes the next command, when there is room in the window. Nothing is lost when the future is dropped.
    pub async fn publish(&mut self) {
        let command = self.load.command(self.next);
        let handle = match self.load.size {
            None => self.producer.enqueue(&command).await,
            Some(size) => {
                let mut body = command.to_json();
                body.resize(size, b' ');
                let exchange = self.stage.topology().door(command.door());
                let key = bucket(&command.user_id).to_string();
                let properties = Properties {
                    persistent: true,
                    message_id: Some(command.reference_id),
                    ..Properties::default()
                };
                self.producer.enqueue_raw(&exchange, &key, properties, body).await
            }
        };
        self.unconfirmed.push_back(handle.expect("room in the window"));
        self.next += 1;
        // The window is the SDK's; this only keeps the handles from becoming too many.
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
