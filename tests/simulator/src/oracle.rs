//! Checks that must hold for a ledger after commands were applied, under any faults on the way.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use scrip::verify;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::Value;

use crate::{model::Model, rulebook::Rulebook, trace, world::midnight};

/// A test fails after this time without progress.
const STALL_TIMEOUT: Duration = Duration::from_secs(90);
/// The interval at which the database is polled. The database has no event for this.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The reference model after these commands of the trace. It receives all of them at one instant,
/// because nothing expires and no period is due while they are sent.
pub fn expected(commands: &[String]) -> Model {
    let mut model = Model::new(Rulebook::first());
    for command in commands {
        model.apply(&trace::message(command), midnight(0));
    }
    model
}

/// The commands that were sent, and the ledger that they were sent to.
pub struct Oracle {
    /// A connection to the ledger's database.
    pub connection: DatabaseConnection,
    /// The bodies of the commands, in the order in which they were sent.
    pub commands: Vec<String>,
}

impl Oracle {
    async fn rows(&self, sql: &str) -> Vec<sea_orm::QueryResult> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        self.connection
            .query_all_raw(statement)
            .await
            .expect("rows")
    }

    /// The number of commands that have an outcome; `None` while the database is unreachable.
    pub async fn applied(&self) -> Option<usize> {
        let sql = "SELECT COUNT(*) FROM credits_transaction WHERE origin <> 'internal'";
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row = self.connection.query_one_raw(statement).await.ok()??;
        usize::try_from(row.try_get_by_index::<i64>(0).ok()?).ok()
    }

    /// Waits until at least `count` commands have an outcome.
    pub async fn wait_for(&self, count: usize) {
        let mut progress = (0, Instant::now());
        loop {
            let applied = self.applied().await.unwrap_or(progress.0);
            if applied >= count {
                return;
            }
            if applied > progress.0 {
                progress = (applied, Instant::now());
            }
            assert!(
                progress.1.elapsed() < STALL_TIMEOUT,
                "{applied} of {count} commands have an outcome, and there is no progress"
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until every command has an outcome. Then it checks the number of outcomes, the
    /// balances, the order and every invariant.
    pub async fn check(&self) {
        self.wait_for(self.commands.len()).await;
        assert_eq!(
            self.applied().await,
            Some(self.commands.len()),
            "each exactly once"
        );
        self.check_balances().await;
        self.check_order().await;
        let options = verify::Options::default();
        let report = verify::verify(&self.connection, &options, chrono::Utc::now(), |_| {})
            .await
            .expect("a report");
        assert!(report.holds(), "{:#?}", report.violations);
    }

    async fn check_balances(&self) {
        let expected: BTreeMap<String, i64> = expected(&self.commands)
            .accounts
            .into_iter()
            .map(|(user, account)| (user, account.balance()))
            .collect();
        let rows = self
            .rows("SELECT user_id, balance FROM credits_balance")
            .await;
        let actual: BTreeMap<String, i64> = rows
            .iter()
            .map(|row| {
                (
                    row.try_get_by_index(0).expect("a user"),
                    row.try_get_by_index(1).expect("a balance"),
                )
            })
            .collect();
        assert_eq!(actual, expected);
    }

    /// Panics unless each user's transactions were decided in the order of their commands.
    async fn check_order(&self) {
        let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for command in &self.commands {
            let command: Value = serde_json::from_str(command).expect("JSON");
            let text = |field: &str| command[field].as_str().expect("a text").to_owned();
            sent.entry(text("userId"))
                .or_default()
                .push(text("referenceId"));
        }
        let sql = "SELECT user_id, reference_id FROM credits_transaction \
                   WHERE origin <> 'internal' ORDER BY id";
        let mut decided: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.rows(sql).await {
            let user: String = row.try_get_by_index(0).expect("a user");
            decided
                .entry(user)
                .or_default()
                .push(row.try_get_by_index(1).expect("a reference"));
        }
        for (user, references) in &sent {
            let decided = decided.get(user).map(Vec::as_slice).unwrap_or_default();
            let difference = references
                .iter()
                .zip(decided)
                .position(|(sent, decided)| sent != decided);
            let around = difference.map(|index| (&references[index..], &decided[index..]));
            let around = around.map(|(sent, decided)| {
                (&sent[..sent.len().min(3)], &decided[..decided.len().min(3)])
            });
            assert_eq!(around, None, "the order of {user}: sent, decided");
            assert_eq!(references.len(), decided.len(), "the commands of {user}");
        }
    }

    /// For each table the number of rows and two aggregates of their contents.
    pub async fn contents(&self) -> Vec<String> {
        let mut contents = Vec::new();
        for sql in [
            "SELECT COUNT(*), CAST(COALESCE(SUM(balance), 0) AS bigint), \
             CAST(SUM(version) AS bigint) FROM credits_balance",
            "SELECT COUNT(*), CAST(SUM(remaining) AS bigint), COUNT(DISTINCT updated_at) \
             FROM credits_batch",
            "SELECT COUNT(*), CAST(SUM(amount) AS bigint), COUNT(DISTINCT created_at) \
             FROM credits_transaction",
            "SELECT COUNT(*), CAST(SUM(amount) AS bigint), CAST(SUM(batch_remaining) AS bigint) \
             FROM credits_allocation",
        ] {
            let row = &self.rows(sql).await[0];
            let numbers: Vec<i64> = (0..3)
                .map(|n| row.try_get_by_index(n).expect("a number"))
                .collect();
            contents.push(format!("{numbers:?}"));
        }
        contents
    }
}
