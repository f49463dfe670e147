//! The store alone: no queue, no worker.

use std::collections::VecDeque;

use ledger::{Action, Command, Origin};
use producer_sdk::contract::{Door, Outcome};
use scrip::{decode, outcome};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tests::{
    db::TestDatabase,
    ledger::TestLedger,
    year::{
        At,
        message::Message,
        model::{Expired, Granted},
        rulebook::{LATENESS, Rulebook},
    },
};

use crate::play::Stage;

/// Messages are committed when somebody asks what became of them.
pub struct Store {
    ledger: TestLedger,
    queue: VecDeque<Command>,
}

impl Store {
    pub async fn on(database: TestDatabase) -> Self {
        Self {
            ledger: TestLedger::on(database).await,
            queue: VecDeque::new(),
        }
    }

    async fn commit(&self, commands: &[Command]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for group in commands.chunks(1000) {
            let decisions = self.ledger.commit(group).await;
            let told = group.iter().zip(&decisions);
            outcomes.extend(told.map(|(command, decision)| outcome::wire(command, decision)));
        }
        outcomes
    }

    async fn rows(&self, sql: &str) -> Vec<sea_orm::QueryResult> {
        let db = self.ledger.store.read_connection();
        let statement = Statement::from_string(db.get_database_backend(), sql);
        db.query_all_raw(statement).await.expect("rows")
    }

    fn internal(reference: String, user: String, action: Action) -> Command {
        Command {
            origin: Origin::Internal,
            reference_id: reference,
            user_id: user,
            occurred_at: None,
            received_at: None,
            description: None,
            metadata: None,
            action,
        }
    }

    /// Grants of the next months of what is due, in order.
    async fn due(&self) -> Vec<Command> {
        let sql =
            "SELECT id, user_id, plan, due_at FROM subscription WHERE due_at IS NOT NULL ORDER BY due_at, id";
        let mut commands = Vec::new();
        for row in self.rows(sql).await {
            let text = |name: &str| row.try_get::<String>("", name).expect("a text");
            let start: At = row.try_get("", "due_at").expect("an instant");
            let is_off = self
                .ledger
                .rules
                .plans
                .get(&text("plan"))
                .is_some_and(|plan| !plan.enabled);
            if start > self.ledger.now || is_off {
                continue;
            }
            let reference = format!("grant:{}:{}", text("id"), start.format("%Y-%m-%d"));
            let action = Action::MonthlyGrant {
                subscription_id: text("id"),
                period_start: start,
            };
            commands.push(Self::internal(reference, text("user_id"), action));
        }
        commands
    }
}

impl Stage for Store {
    async fn start(&mut self, rules: &Rulebook, _: At) {
        self.ledger.rules = rules.rules();
    }

    async fn stop(&mut self) {}

    fn set(&mut self, now: At) {
        self.ledger.now = now;
    }

    async fn publish(&mut self, messages: &[Message]) {
        for message in messages {
            let door = if message.is_usage() {
                Door::Usage
            } else {
                Door::Funding
            };
            let command = decode::decode(&message.command().to_json(), door).expect("a command");
            self.queue.push_back(command);
        }
    }

    async fn answers(&mut self, count: usize) -> Vec<Outcome> {
        let commands: Vec<Command> = self.queue.drain(..count).collect();
        self.commit(&commands).await
    }

    async fn grant(&mut self) -> Granted {
        let mut counts = Granted::default();
        let mut given_up: Vec<String> = Vec::new();
        loop {
            let mut due = self.due().await;
            due.retain(|command| !given_up.contains(&command.reference_id));
            if due.is_empty() {
                return counts;
            }
            for outcome in self.commit(&due).await {
                match outcome.error_code() {
                    Some("not_due") => given_up.push(outcome.reference_id),
                    Some("max_balance_reached") => counts.skipped += 1,
                    Some(_) => {
                        counts.failed += 1;
                        given_up.push(outcome.reference_id);
                    }
                    None if outcome.skipped.is_some() => counts.skipped += 1,
                    None => {
                        counts.granted += 1;
                        counts.credits += outcome.amount.unwrap_or_default();
                    }
                }
            }
        }
    }

    async fn expire(&mut self) -> Expired {
        let cutoff = self.ledger.now - LATENESS;
        let sql = "SELECT DISTINCT user_id FROM credits_batch WHERE status = 'ACTIVE' AND expires_at IS NOT NULL \
                   ORDER BY user_id";
        let users = self.rows(sql).await;
        let commands: Vec<Command> = users
            .iter()
            .map(|row| {
                let user: String = row.try_get_by_index(0).expect("a user");
                Self::internal(format!("expire:{user}"), user, Action::Expire { cutoff })
            })
            .collect();
        let mut counts = Expired::default();
        for outcome in self.commit(&commands).await {
            counts.users += u64::from(!outcome.transactions.is_empty());
            counts.batches += outcome.transactions.len() as u64;
            counts.credits -= outcome.amount.unwrap_or_default();
        }
        counts
    }

    async fn verify(&mut self) -> bool {
        self.ledger.verify().await;
        true
    }

    fn database(&self) -> &DatabaseConnection {
        self.ledger.store.read_connection()
    }

    async fn dead(&mut self) -> Option<Vec<(String, String)>> {
        None
    }
}
