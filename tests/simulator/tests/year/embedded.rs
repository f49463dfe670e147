//! A year on the embedded worker with its file.

use std::sync::Arc;

use chrono::SecondsFormat;
use producer_sdk::contract::{Outcome, Reply};
use scrip::{
    clock::{Clock, ClockHandle},
    jobs::Runner,
    transport::embedded::{Embedded, EmbeddedOptions},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value};
use serde_json::json;
use simulator::{
    At,
    message::Message,
    model::{Expired, Granted},
    rulebook::Rulebook,
    world::midnight,
};
use testkit::{broker::TIMEOUT, db::TestDatabase, ledger::TestLedger};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::{nightly, play::Fixture};

const PUBLISH: &str = "\
INSERT INTO queue_message (queue, origin, body, message_id, reply_to, correlation_id, enqueued_at)
SELECT 'commands', json_extract(value, '$.origin'), CAST(json_extract(value, '$.body') AS BLOB),
       json_extract(value, '$.reference'), 'year', json_extract(value, '$.reference'), $2
  FROM json_each($1) ORDER BY key";
const ANSWERS: &str = "SELECT id, body FROM queue_reply WHERE reply_to = 'year' ORDER BY id";
const READ: &str = "DELETE FROM queue_reply WHERE reply_to = 'year' AND id <= $1";
const DEAD: &str =
    "SELECT message_id, headers ->> 'x-scrip-reason' FROM queue_message WHERE queue = 'dead'";

/// A file, and a worker on it that is stopped and started.
pub struct File {
    ledger: TestLedger,
    clock: Clock,
    clock_handle: ClockHandle,
    worker: Option<Embedded>,
    runner: Runner,
}

impl File {
    pub async fn new() -> Self {
        let ledger = TestLedger::on(TestDatabase::sqlite().await).await;
        let (clock, clock_handle) = Clock::manual(midnight(0));
        let url = ledger.database.url().to_owned();
        let runner = nightly::runner(ledger.store.clone(), &url, "credits", clock.clone()).await;
        Self {
            ledger,
            clock,
            clock_handle,
            worker: None,
            runner,
        }
    }

    fn statement<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
        Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
    }
}

impl Fixture for File {
    async fn start(&mut self, rules: &Rulebook, _: At) {
        let options = EmbeddedOptions {
            url: self.ledger.database.url().to_owned(),
            worker: "worker".to_owned(),
            group_max: 1000,
            clock: self.clock.clone(),
        };
        let catalog = Arc::new(rules.catalog());
        self.runner.rules = catalog.rules.clone();
        let worker = Embedded::start(options, self.ledger.store.clone(), catalog).await;
        let worker = worker.expect("a worker");
        timeout(TIMEOUT, worker.ready())
            .await
            .expect("ready in time");
        self.worker = Some(worker);
    }

    async fn stop(&mut self) {
        let worker = self.worker.take().expect("a worker");
        assert!(worker.drain(TIMEOUT).await);
    }

    fn set(&mut self, now: At) {
        self.clock_handle.set(now);
    }

    async fn publish(&mut self, messages: &[Message]) {
        let rows: Vec<_> = messages
            .iter()
            .map(|message| {
                let body = String::from_utf8(message.command().to_json()).expect("JSON is UTF-8");
                let origin = if message.is_usage() {
                    "usage"
                } else {
                    "funding"
                };
                json!({ "origin": origin, "body": body, "reference": message.reference })
            })
            .collect();
        let now = self
            .clock
            .now()
            .to_rfc3339_opts(SecondsFormat::Micros, false);
        let statement = Self::statement(PUBLISH, [json!(rows).to_string().into(), now.into()]);
        let published = self
            .ledger
            .database
            .connection()
            .execute_raw(statement)
            .await;
        published.expect("published");
    }

    async fn answers(&mut self, count: usize) -> Vec<Outcome> {
        let db = self.ledger.database.connection();
        let mut outcomes = Vec::new();
        let mut last = Instant::now();
        while outcomes.len() < count {
            let rows = db
                .query_all_raw(Self::statement(ANSWERS, []))
                .await
                .expect("replies");
            if rows.is_empty() {
                assert!(
                    last.elapsed() < TIMEOUT,
                    "{} of {count} answers",
                    outcomes.len()
                );
                sleep(Duration::from_millis(2)).await;
                continue;
            }
            last = Instant::now();
            let mut read = 0;
            for row in rows {
                read = row.try_get::<i64>("", "id").expect("a number");
                let body: Vec<u8> = row.try_get("", "body").expect("a body");
                match Reply::from_json(&body).expect("a reply") {
                    Reply::Outcome(outcome) => outcomes.push(outcome),
                    other => panic!("not an outcome: {other:?}"),
                }
            }
            let deleted = db.execute_raw(Self::statement(READ, [read.into()])).await;
            deleted.expect("deleted");
        }
        outcomes
    }

    async fn grant(&mut self) -> Granted {
        nightly::grant(&self.runner).await
    }

    async fn expire(&mut self) -> Expired {
        nightly::expire(&self.runner).await
    }

    async fn verify(&mut self) -> bool {
        nightly::verify(&self.runner).await
    }

    fn database(&self) -> &DatabaseConnection {
        self.ledger.store.read_connection()
    }

    async fn dead(&mut self) -> Option<Vec<(String, String)>> {
        let db = self.ledger.database.connection();
        let rows = db
            .query_all_raw(Self::statement(DEAD, []))
            .await
            .expect("letters");
        let text = |row: &sea_orm::QueryResult, nth| row.try_get_by_index(nth).expect("a text");
        Some(
            rows.iter()
                .map(|row| (text(row, 0), text(row, 1)))
                .collect(),
        )
    }
}
