//! The embedded worker on its file.

use std::sync::Arc;

use chrono::SecondsFormat;
use producer_sdk::contract::{Outcome, Reply};
use scrip::{
    clock::{Clock, Hand},
    embedded::{Embedded, EmbeddedOptions},
    jobs::Runner,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value};
use serde_json::json;
use tests::{
    broker::PATIENCE,
    db::TestDatabase,
    ledger::TestLedger,
    year::{
        At,
        message::Message,
        model::{Expired, Granted},
        rulebook::Rulebook,
        world::midnight,
    },
};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::{nightly, play::Stage};

const PUBLISH: &str = "\
INSERT INTO queue_message (queue, door, body, message_id, reply_to, correlation_id, enqueued_at)
SELECT 'commands', json_extract(value, '$.door'), CAST(json_extract(value, '$.body') AS BLOB),
       json_extract(value, '$.reference'), 'year', json_extract(value, '$.reference'), $2
  FROM json_each($1) ORDER BY key";
const ANSWERS: &str = "SELECT id, body FROM queue_reply WHERE reply_to = 'year' ORDER BY id";
const READ: &str = "DELETE FROM queue_reply WHERE reply_to = 'year' AND id <= $1";
const DEAD: &str = "SELECT message_id, headers ->> 'x-scrip-reason' FROM queue_message WHERE queue = 'dead'";

/// A file, and a worker on it now and then.
pub struct File {
    ledger: TestLedger,
    clock: Clock,
    hand: Hand,
    worker: Option<Embedded>,
    runner: Runner,
}

impl File {
    pub async fn new() -> Self {
        let ledger = TestLedger::on(TestDatabase::sqlite().await).await;
        let (clock, hand) = Clock::manual(midnight(0));
        let url = ledger.database.url().to_owned();
        let runner = nightly::runner(ledger.store.clone(), &url, "credits", clock.clone()).await;
        Self {
            ledger,
            clock,
            hand,
            worker: None,
            runner,
        }
    }

    fn statement<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
        Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
    }
}

impl Stage for File {
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
        timeout(PATIENCE, worker.ready())
            .await
            .expect("it serves in time");
        self.worker = Some(worker);
    }

    async fn stop(&mut self) {
        let worker = self.worker.take().expect("a worker");
        assert!(worker.drain(PATIENCE).await);
    }

    fn set(&mut self, now: At) {
        self.hand.set(now);
    }

    async fn publish(&mut self, messages: &[Message]) {
        let rows: Vec<_> = messages
            .iter()
            .map(|message| {
                let body = String::from_utf8(message.command().to_json()).expect("JSON is UTF-8");
                let door = if message.is_usage() { "usage" } else { "funding" };
                json!({ "door": door, "body": body, "reference": message.reference })
            })
            .collect();
        let now = self.clock.now().to_rfc3339_opts(SecondsFormat::Micros, false);
        let statement = Self::statement(PUBLISH, [json!(rows).to_string().into(), now.into()]);
        let published = self.ledger.database.connection().execute_raw(statement).await;
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
                assert!(last.elapsed() < PATIENCE, "{} of {count} answers", outcomes.len());
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
        Some(rows.iter().map(|row| (text(row, 0), text(row, 1))).collect())
    }
}
