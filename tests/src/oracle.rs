//! What must be true of a ledger after commands went through it, whatever happened on the way.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use scrip::verify;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::Value;

use crate::model;

/// How long nothing may happen before a test gives up.
const STANDSTILL: Duration = Duration::from_secs(90);
/// How often the database is asked; it has no event for this.
const LOOK: Duration = Duration::from_millis(10);

/// Commands that were sent and the ledger that they went to.
pub struct Oracle {
    /// The ledger.
    pub connection: DatabaseConnection,
    /// One body each, in the order in which they were sent.
    pub commands: Vec<String>,
}

impl Oracle {
    async fn rows(&self, sql: &str) -> Vec<sea_orm::QueryResult> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        self.connection.query_all_raw(statement).await.expect("rows")
    }

    /// How many commands have an outcome; none while the database is away.
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
                progress.1.elapsed() < STANDSTILL,
                "{applied} of {count} commands, and nothing goes on"
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until every command has an outcome, then checks everything.
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
        let expected: BTreeMap<String, i64> = model::accounts(self.commands.iter().map(String::as_str))
            .into_iter()
            .map(|(user, account)| (user, account.balance()))
            .collect();
        let rows = self.rows("SELECT user_id, balance FROM credits_balance").await;
        let found: BTreeMap<String, i64> = rows
            .iter()
            .map(|row| {
                (
                    row.try_get_by_index(0).expect("a user"),
                    row.try_get_by_index(1).expect("a balance"),
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    /// The transactions of each user were decided in the order in which the commands were sent.
    async fn check_order(&self) {
        let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for command in &self.commands {
            let command: Value = serde_json::from_str(command).expect("JSON");
            let text = |field: &str| command[field].as_str().expect("a text").to_owned();
            sent.entry(text("userId")).or_default().push(text("referenceId"));
        }
        let sql =
            "SELECT user_id, reference_id FROM credits_transaction WHERE origin <> 'internal' ORDER BY id";
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
            let other = references
                .iter()
                .zip(decided)
                .position(|(sent, decided)| sent != decided);
            let around = other.map(|place| (&references[place..], &decided[place..]));
            let around =
                around.map(|(sent, decided)| (&sent[..sent.len().min(3)], &decided[..decided.len().min(3)]));
            assert_eq!(around, None, "the order of {user}: sent, decided");
            assert_eq!(references.len(), decided.len(), "the commands of {user}");
        }
    }

    /// How many rows each table has, with a sum over their contents.
    pub async fn contents(&self) -> Vec<String> {
        let mut contents = Vec::new();
        for sql in [
            "SELECT COUNT(*), CAST(COALESCE(SUM(balance), 0) AS bigint), CAST(SUM(version) AS bigint) FROM credits_balance",
            "SELECT COUNT(*), CAST(SUM(remaining) AS bigint), COUNT(DISTINCT updated_at) FROM credits_batch",
            "SELECT COUNT(*), CAST(SUM(amount) AS bigint), COUNT(DISTINCT created_at) FROM credits_transaction",
            "SELECT COUNT(*), CAST(SUM(amount) AS bigint), CAST(SUM(batch_remaining) AS bigint) FROM credits_allocation",
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
