//! The load: commands in a queue, wallets in a ledger, and the check that each was applied once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use ledger::{Action, Item, Origin, Rules};
use producer_sdk::contract::{Command, Topology, bucket};
use scrip::store::{Store, StoreOptions};
use sea_orm::{ConnectionTrait, Statement};
use tests::{broker, db::TestDatabase};
use uuid::Uuid;

const FUNDS: i64 = 1_000_000_000;
const WINDOW: usize = 2_000;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub commands: usize,
    pub users: usize,
    pub shards: u32,
}

/// Commands a second.
#[derive(Clone, Copy, Debug)]
pub struct Rate(pub f64);

impl Rate {
    pub fn of(commands: usize, took: Duration) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        Self(commands as f64 / took.as_secs_f64())
    }
}

impl Workload {
    fn user(&self, n: usize) -> String {
        format!("user-{}", n % self.users)
    }

    fn command(&self, n: usize) -> Command {
        Command::consume(format!("bench-{n}"), self.user(n), "google:fast")
    }
}

/// A namespace with the commands in its queues.
pub struct FullQueues {
    pub topology: Topology,
    pub connection: Connection,
    pub channel: Channel,
}

impl FullQueues {
    /// Declares a namespace and publishes the commands, confirmed.
    pub async fn of(workload: &Workload) -> Self {
        let namespace = format!("bench-{}", Uuid::now_v7().simple());
        let topology = Topology::new(namespace, workload.shards).expect("a topology");
        let connection = Connection::connect(&broker::broker_url(), ConnectionProperties::default())
            .await
            .expect("a broker");
        scrip::amqp::topology::declare(&connection, &topology)
            .await
            .expect("a declared topology");
        let channel = connection.create_channel().await.expect("a channel");
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("confirms");
        let queues = Self {
            topology,
            connection,
            channel,
        };
        for first in (0..workload.commands).step_by(WINDOW) {
            let last = workload.commands.min(first + WINDOW);
            queues.publish((first..last).map(|n| workload.command(n))).await;
        }
        queues
    }

    async fn publish(&self, commands: impl Iterator<Item = Command>) {
        let mut confirms = Vec::with_capacity(WINDOW);
        for command in commands {
            let properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_type(command.kind().as_str().into());
            let body = command.to_json();
            let confirm = self.channel.basic_publish(
                self.topology.door(command.door()).into(),
                bucket(&command.user_id).to_string().into(),
                BasicPublishOptions {
                    mandatory: true,
                    immediate: false,
                },
                &body,
                properties,
            );
            confirms.push(confirm.await.expect("published"));
        }
        for confirm in join_all(confirms).await {
            assert!(matches!(confirm, Ok(Confirmation::Ack(None))));
        }
    }

    /// Messages that are left in the command queues and among the dead letters.
    pub async fn left(&self) -> u32 {
        let mut left = 0;
        let queues = (0..self.topology.shards()).map(|shard| self.topology.commands(shard));
        for queue in queues.chain([self.topology.dead(), self.topology.unrouted()]) {
            let passive = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let declared = self
                .channel
                .queue_declare(queue.into(), passive, FieldTable::default());
            left += declared.await.expect("a queue").message_count();
        }
        left
    }

    /// Removes the namespace.
    pub async fn remove(self) {
        for queue in self.topology.queues() {
            let _ = self
                .channel
                .queue_delete(queue.name.into(), lapin::options::QueueDeleteOptions::default())
                .await;
        }
        for exchange in self.topology.exchanges() {
            let options = lapin::options::ExchangeDeleteOptions::default();
            let _ = self.channel.exchange_delete(exchange.name.into(), options).await;
        }
        let _ = self.connection.close(200, "bye".into()).await;
    }
}

/// A ledger in which every user has credits.
pub struct Ledger {
    /// Dropped with the ledger.
    _database: TestDatabase,
    pub store: Store,
    pub rules: Rules,
}

impl Ledger {
    pub async fn of(workload: &Workload) -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let store = Store::connect(database.url(), &StoreOptions::default())
            .await
            .expect("a store");
        let rules = Rules::default();
        let users: Vec<usize> = (0..workload.users).collect();
        for users in users.chunks(1_000) {
            let commands: Vec<_> = users.iter().map(|n| fund(&workload.user(*n))).collect();
            store
                .commit_group(&commands, &rules, chrono::Utc::now())
                .await
                .expect("funds");
        }
        Self {
            _database: database,
            store,
            rules,
        }
    }

    /// Expects that each command was applied once, and that every invariant holds.
    pub async fn check(&self, workload: &Workload) {
        let number = async |sql: &str| {
            let statement = Statement::from_string(self.store.backend(), sql);
            let row = self
                .store
                .read_connection()
                .query_one_raw(statement)
                .await
                .expect("a query")
                .expect("a row");
            row.try_get_by_index::<i64>(0).expect("a number")
        };
        let commands = i64::try_from(workload.commands).expect("a number");
        let users = i64::try_from(workload.users).expect("a number");
        let consumed = "SELECT COUNT(DISTINCT reference_id) FROM credits_transaction WHERE type = 'consumption' AND amount = -1";
        assert_eq!(number(consumed).await, commands);
        let balances = number("SELECT CAST(SUM(balance) AS bigint) FROM credits_balance").await;
        assert_eq!(balances, FUNDS * users - commands);
        let remaining = number("SELECT CAST(SUM(remaining) AS bigint) FROM credits_batch").await;
        assert_eq!(remaining, balances);
        let allocated = "SELECT CAST(SUM(amount) AS bigint) FROM credits_allocation";
        assert_eq!(number(allocated).await, balances);
    }
}

fn fund(user: &str) -> ledger::Command {
    ledger::Command {
        origin: Origin::Funding,
        reference_id: format!("fund-{user}"),
        user_id: user.to_owned(),
        occurred_at: None,
        description: None,
        metadata: None,
        action: Action::Purchase {
            item: Item::Credits {
                credits: FUNDS,
                validity_days: None,
            },
            purchase_id: format!("fund-{user}"),
            paid_micros: None,
            currency: None,
        },
    }
}

/// Measures how long `work` takes for the commands.
pub async fn timed<T>(commands: usize, work: impl Future<Output = T>) -> Rate {
    let started = Instant::now();
    work.await;
    Rate::of(commands, started.elapsed())
}
