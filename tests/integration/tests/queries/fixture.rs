//! A ledger, a worker that answers queries, and a client.

use std::{fmt::Debug, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use producer_sdk::{Client, Error, Options, Query, contract::QUERY_KEY};
use scrip::{
    catalog::Catalog,
    clock::Clock,
    config::{Environment, Settings},
    queries::StoreQueryHandler,
    store_ledger::StoreLedger,
    transport::amqp::{Drained, Inbound, InboundOptions},
    transport::embedded::{Embedded, EmbeddedOptions},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::de::DeserializeOwned;
use serde_json::Value;
use testkit::{
    broker::{TIMEOUT, TestBroker},
    db::TestDatabase,
    ledger::TestLedger,
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// The queue of a worker.
#[derive(Clone, Copy, Debug)]
pub enum On {
    /// RabbitMQ, with the ledger on PostgreSQL.
    Broker,
    /// The SQLite file of the ledger.
    File,
}

/// A ledger, a worker that answers queries, and a client. Rows that a test writes to the ledger are
/// from an hour ago, unless the test sets another time.
pub struct Fixture {
    pub client: Client,
    worker: Option<Worker>,
    broker: Option<TestBroker>,
    pub ledger: TestLedger,
    catalog: Arc<Catalog>,
    /// The deadline of a worker on the broker for a result.
    pub query_deadline: Duration,
}

enum Worker {
    Broker(Inbound),
    File(Embedded),
}

impl Fixture {
    /// A fixture whose worker has this configuration.
    pub async fn new(on: On, config: &str) -> Self {
        let mut fixture = Self::without_worker(on, config).await;
        fixture.start().await;
        fixture
    }

    /// A fixture whose worker is not started yet.
    pub async fn without_worker(on: On, config: &str) -> Self {
        let (broker, database) = match on {
            On::Broker => (
                Some(TestBroker::start().await),
                TestDatabase::postgres().await,
            ),
            On::File => (None, TestDatabase::sqlite().await),
        };
        let mut ledger = TestLedger::on(database).await;
        ledger.now = ago(TimeDelta::hours(1));
        let (url, namespace) = match &broker {
            Some(broker) => (broker.url(), broker.topology().namespace()),
            None => (ledger.database.url(), "credits"),
        };
        let options = Options {
            namespace: namespace.to_owned(),
            ..Options::default()
        };
        let client = Client::connect(url, options).await.expect("a client");
        Self {
            client,
            worker: None,
            broker,
            ledger,
            catalog: catalog(config),
            query_deadline: Duration::from_secs(5),
        }
    }

    /// Starts the worker.
    pub async fn start(&mut self) {
        let (store, catalog) = (self.ledger.store.clone(), self.catalog.clone());
        let worker = if let Some(broker) = &self.broker {
            let mut options =
                InboundOptions::new(broker.url(), broker.topology().clone(), "worker");
            options.registration_spread = Duration::ZERO;
            options.query_deadline = self.query_deadline;
            let ledger = Arc::new(StoreLedger::new(store.clone(), catalog.rules.clone(), None));
            let query_handler = Arc::new(StoreQueryHandler::new(store, catalog, None));
            let worker = Inbound::start(options, ledger, query_handler).expect("a worker");
            in_time("a worker to be registered", worker.ready()).await;
            Worker::Broker(worker)
        } else {
            let options = EmbeddedOptions {
                url: self.ledger.database.url().to_owned(),
                worker: "worker".to_owned(),
                group_max: 1000,
                clock: Clock::system(),
            };
            let worker = Embedded::start(options, store, catalog)
                .await
                .expect("a worker");
            in_time("a worker to be ready", worker.ready()).await;
            Worker::File(worker)
        };
        self.worker = Some(worker);
    }

    /// Stops the worker.
    pub async fn stop(&mut self) {
        match self.worker.take().expect("a worker") {
            Worker::Broker(worker) => assert_eq!(worker.drain(TIMEOUT).await, Drained::Clean),
            Worker::File(worker) => assert!(worker.drain(TIMEOUT).await),
        }
    }

    /// Starts the worker again with another configuration.
    pub async fn restart(&mut self, config: &str) {
        self.stop().await;
        self.catalog = catalog(config);
        self.start().await;
    }

    /// Stops the worker and the client, and verifies the ledger.
    pub async fn end(mut self) {
        self.client.close().await.expect("closed");
        self.stop().await;
        self.ledger.verify().await;
    }

    /// The result of a query.
    pub async fn query<T: DeserializeOwned>(&self, query: &Query) -> T {
        let answer = self.client.query_within(query, TIMEOUT).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.kind, query.kind());
        serde_json::from_value(answer.result.expect("a result")).expect("a result of that query")
    }

    /// The reply to any body, in its wire format.
    pub async fn wire(&self, body: &Value) -> Value {
        let body = body.to_string().into_bytes();
        let reply = match &self.broker {
            Some(broker) => over_broker(broker, &body).await,
            None => over_file(&self.ledger.database, body).await,
        };
        serde_json::from_slice(&reply).expect("JSON")
    }

    /// The number of dead letters.
    pub async fn dead_letters(&self) -> i64 {
        match &self.broker {
            Some(broker) => broker.ready_in(&broker.topology().dead()).await.into(),
            None => self.ledger.number(DEAD).await,
        }
    }
}

async fn over_broker(broker: &TestBroker, body: &[u8]) -> Vec<u8> {
    let mut replies = broker.replies().await;
    let exchange = broker.topology().queries();
    broker
        .publish(&exchange, QUERY_KEY, body, replies.reply_properties("wire"))
        .await;
    let reply = replies.next().await;
    replies.close().await;
    let id = reply.properties.correlation_id().as_ref();
    assert_eq!(id.map(ToString::to_string).as_deref(), Some("wire"));
    reply.data
}

const SEND: &str = "\
INSERT INTO queue_message (queue, origin, body, reply_to, correlation_id, enqueued_at)
VALUES ('queries', 'usage', $1, 'wire', 'wire', $2)";
const RECEIVE: &str =
    "SELECT body FROM queue_reply WHERE reply_to = 'wire' AND correlation_id = 'wire'";
const DEAD: &str = "SELECT count(*) FROM queue_message WHERE queue = 'dead'";
const READ: &str = "DELETE FROM queue_reply WHERE reply_to = 'wire'";

async fn over_file(database: &TestDatabase, body: Vec<u8>) -> Vec<u8> {
    let db = database.connection();
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, false);
    let send = Statement::from_sql_and_values(DbBackend::Sqlite, SEND, [body.into(), now.into()]);
    db.execute_raw(send).await.expect("sent");
    let answered = async {
        loop {
            let answer = Statement::from_string(DbBackend::Sqlite, RECEIVE);
            if let Some(row) = db.query_one_raw(answer).await.expect("the replies") {
                break row.try_get::<Vec<u8>>("", "body").expect("a body");
            }
            // A file has no event for a new row.
            sleep(Duration::from_millis(2)).await;
        }
    };
    let reply = in_time("a reply", answered).await;
    database.execute(READ).await;
    reply
}

/// The catalog of a worker with this configuration.
fn catalog(config: &str) -> Arc<Catalog> {
    let file = TemporaryFile::new(config);
    let settings = Settings::load(Some(&file.0), &Environment::default()).expect("a configuration");
    Arc::new(settings.catalog())
}

/// A file that is removed when it is dropped.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(text: &str) -> Self {
        let name = format!("scrip-test-{}.toml", Uuid::now_v7().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("the temporary folder is writable");
        Self(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An instant in the past in whole microseconds, like the instants in the ledger.
pub fn ago(time: TimeDelta) -> DateTime<Utc> {
    let micros = (Utc::now() - time).timestamp_micros();
    DateTime::from_timestamp_micros(micros).expect("an instant")
}

/// The error code of an answer.
pub fn code<T: Debug>(answer: Result<T, Error>) -> String {
    let error = answer.expect_err("no result");
    let code = error.answer_code().unwrap_or_else(|| panic!("{error:?}"));
    code.to_owned()
}

/// The field that a rejection names.
pub fn rejected_field<T: Debug>(answer: Result<T, Error>) -> String {
    let error = answer.expect_err("no answer");
    let field = error
        .rejection()
        .and_then(|rejection| rejection.field.clone());
    field.unwrap_or_else(|| panic!("{error:?}"))
}

/// Waits for a future with a time limit.
pub async fn in_time<T>(event: &str, future: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, future)
        .await
        .unwrap_or_else(|_| panic!("timed out waiting for {event}"))
}
