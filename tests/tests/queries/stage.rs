//! A ledger, a worker that answers from it, and a client that asks.

use std::{fmt::Debug, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use producer_sdk::{Client, Error, Options, Query, contract::QUERY_KEY};
use scrip::{
    amqp::{Drained, Inbound, InboundOptions},
    catalog::Catalog,
    clock::Clock,
    config::{Environment, Settings},
    embedded::{Embedded, EmbeddedOptions},
    lane::{StoreLedger, StoreQuestions},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tests::{
    broker::{PATIENCE, TestBroker},
    db::TestDatabase,
    ledger::TestLedger,
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Where a worker gets its queries from.
#[derive(Clone, Copy, Debug)]
pub enum On {
    /// RabbitMQ; the ledger is on PostgreSQL.
    Broker,
    /// The file that the ledger is in.
    File,
}

/// A ledger, a worker that answers from it, and a client that asks. What a test puts into the ledger happened
/// an hour ago, unless it says otherwise.
pub struct Stage {
    pub client: Client,
    worker: Option<Worker>,
    broker: Option<TestBroker>,
    pub ledger: TestLedger,
    catalog: Arc<Catalog>,
    /// How long a worker on the broker may take for an answer.
    pub query_deadline: Duration,
}

enum Worker {
    Broker(Inbound),
    File(Embedded),
}

impl Stage {
    /// With a worker of that configuration.
    pub async fn new(on: On, config: &str) -> Self {
        let mut stage = Self::without_worker(on, config).await;
        stage.start().await;
        stage
    }

    /// With a worker that has still to be started.
    pub async fn without_worker(on: On, config: &str) -> Self {
        let (broker, database) = match on {
            On::Broker => (Some(TestBroker::start().await), TestDatabase::postgres().await),
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
            let mut options = InboundOptions::new(broker.url(), broker.topology().clone(), "worker");
            options.registration_spread = Duration::ZERO;
            options.query_deadline = self.query_deadline;
            let ledger = Arc::new(StoreLedger::new(store.clone(), catalog.rules.clone(), None));
            let questions = Arc::new(StoreQuestions::new(store, catalog, None));
            let worker = Inbound::start(options, ledger, questions).expect("a worker");
            in_time("a worker to be registered", worker.ready()).await;
            Worker::Broker(worker)
        } else {
            let options = EmbeddedOptions {
                url: self.ledger.database.url().to_owned(),
                worker: "worker".to_owned(),
                group_max: 1000,
                clock: Clock::system(),
            };
            let worker = Embedded::start(options, store, catalog).await.expect("a worker");
            in_time("a worker to serve", worker.ready()).await;
            Worker::File(worker)
        };
        self.worker = Some(worker);
    }

    /// Stops the worker.
    pub async fn stop(&mut self) {
        match self.worker.take().expect("a worker") {
            Worker::Broker(worker) => assert_eq!(worker.drain(PATIENCE).await, Drained::Clean),
            Worker::File(worker) => assert!(worker.drain(PATIENCE).await),
        }
    }

    /// Starts the worker again with another configuration.
    pub async fn restart(&mut self, config: &str) {
        self.stop().await;
        self.catalog = catalog(config);
        self.start().await;
    }

    /// Stops everything and checks the book.
    pub async fn end(mut self) {
        self.client.close().await.expect("closed");
        self.stop().await;
        self.ledger.verify().await;
    }

    /// The result of a query.
    pub async fn ask<T: DeserializeOwned>(&self, query: &Query) -> T {
        let answer = self.client.query_within(query, PATIENCE).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.kind, query.kind());
        serde_json::from_value(answer.result.expect("a result")).expect("a result of that query")
    }

    /// The reply to any body, as it stands on the wire.
    pub async fn wire(&self, body: &Value) -> Value {
        let body = body.to_string().into_bytes();
        let reply = match &self.broker {
            Some(broker) => over_broker(broker, &body).await,
            None => over_file(&self.ledger.database, body).await,
        };
        serde_json::from_slice(&reply).expect("JSON")
    }

    /// How many dead letters there are.
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
        .publish(&exchange, QUERY_KEY, body, replies.asking("wire"))
        .await;
    let reply = replies.next().await;
    replies.close().await;
    let id = reply.properties.correlation_id().as_ref();
    assert_eq!(id.map(ToString::to_string).as_deref(), Some("wire"));
    reply.data
}

const ASK: &str = "\
INSERT INTO queue_message (queue, door, body, reply_to, correlation_id, enqueued_at)
VALUES ('queries', 'usage', $1, 'wire', 'wire', $2)";
const ANSWER: &str = "SELECT body FROM queue_reply WHERE reply_to = 'wire' AND correlation_id = 'wire'";
const DEAD: &str = "SELECT count(*) FROM queue_message WHERE queue = 'dead'";
const READ: &str = "DELETE FROM queue_reply WHERE reply_to = 'wire'";

async fn over_file(database: &TestDatabase, body: Vec<u8>) -> Vec<u8> {
    let db = database.connection();
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, false);
    let ask = Statement::from_sql_and_values(DbBackend::Sqlite, ASK, [body.into(), now.into()]);
    db.execute_raw(ask).await.expect("asked");
    let answered = async {
        loop {
            let answer = Statement::from_string(DbBackend::Sqlite, ANSWER);
            if let Some(row) = db.query_one_raw(answer).await.expect("the replies") {
                break row.try_get::<Vec<u8>>("", "body").expect("a body");
            }
            // The file tells nobody that a row came.
            sleep(Duration::from_millis(2)).await;
        }
    };
    let reply = in_time("a reply", answered).await;
    database.execute(READ).await;
    reply
}

/// What a worker with this configuration answers from.
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

/// An instant in the past as the ledger keeps it, in whole microseconds.
pub fn ago(time: TimeDelta) -> DateTime<Utc> {
    let micros = (Utc::now() - time).timestamp_micros();
    DateTime::from_timestamp_micros(micros).expect("an instant")
}

/// The code of an answer that is an error.
pub fn code<T: Debug>(answer: Result<T, Error>) -> String {
    let error = answer.expect_err("no result");
    let code = error.answer_code().unwrap_or_else(|| panic!("{error:?}"));
    code.to_owned()
}

/// The field that a rejection blames.
pub fn blamed<T: Debug>(answer: Result<T, Error>) -> String {
    let error = answer.expect_err("no answer");
    let field = error.rejection().and_then(|rejection| rejection.field.clone());
    field.unwrap_or_else(|| panic!("{error:?}"))
}

/// Waits for something, but not for ever.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
