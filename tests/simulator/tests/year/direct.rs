//! A year on the store alone, without a queue and without a worker.

use std::collections::{BTreeSet, VecDeque};

use ledger::{Action, Command, Expire, MonthlyGrant};
use producer_sdk::contract::{Origin, Outcome};
use scrip::{decode, outcome, read};
use sea_orm::DatabaseConnection;
use simulator::{
    At,
    message::Message,
    model::{Expired, Granted},
    rulebook::{LATENESS, Rulebook},
};
use testkit::{db::TestDatabase, ledger::TestLedger};

use crate::play::Fixture;

/// A ledger that commits published messages when their outcomes are requested.
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
            let decided = group.iter().zip(&decisions);
            outcomes.extend(decided.map(|(command, decision)| outcome::wire(command, decision)));
        }
        outcomes
    }

    fn internal(reference: String, user: String, action: Action) -> Command {
        Command {
            origin: Origin::Internal,
            reference_id: reference,
            user_id: user,
            occurred_at: None,
            received_at: None,
            sender: None,
            description: None,
            metadata: None,
            action,
        }
    }

    /// The commands of the grant job for each subscription, in the order of the due times.
    async fn due(&self) -> Vec<VecDeque<Command>> {
        let (rules, now) = (&self.ledger.rules, self.ledger.now);
        let mut due = Vec::new();
        let mut cursor = None;
        loop {
            let page =
                read::due_subscriptions(&self.ledger.store, rules, now, cursor.as_deref()).await;
            let page = page.expect("a page");
            for (_, subscription) in page.items {
                let periods = subscription.due_periods(rules, now).into_iter();
                let is_granted = |name: &str| rules.plans.get(name).is_none_or(|plan| plan.enabled);
                let commands = periods.filter(|due| is_granted(&due.plan)).map(|due| {
                    let start = due.period.start;
                    let reference =
                        format!("grant:{}:{}", subscription.id, start.format("%Y-%m-%d"));
                    let action = Action::MonthlyGrant(MonthlyGrant {
                        subscription_id: subscription.id.clone(),
                        period_start: start,
                    });
                    Self::internal(reference, subscription.user_id.clone(), action)
                });
                due.push(commands.collect());
            }
            cursor = page.next;
            if cursor.is_none() {
                return due;
            }
        }
    }
}

impl Fixture for Store {
    async fn start(&mut self, rules: &Rulebook, _: At) {
        self.ledger.rules = rules.rules();
    }

    async fn stop(&mut self) {}

    fn set(&mut self, now: At) {
        self.ledger.now = now;
    }

    async fn publish(&mut self, messages: &[Message]) {
        for message in messages {
            let origin = if message.is_usage() {
                Origin::Usage
            } else {
                Origin::Funding
            };
            let command = decode::decode(&message.command().to_json(), origin).expect("a command");
            self.queue.push_back(command);
        }
    }

    async fn answers(&mut self, count: usize) -> Vec<Outcome> {
        let commands: Vec<Command> = self.queue.drain(..count).collect();
        self.commit(&commands).await
    }

    async fn grant(&mut self) -> Granted {
        let mut counts = Granted::default();
        let mut due = self.due().await;
        loop {
            let next: Vec<Command> = due.iter_mut().filter_map(VecDeque::pop_front).collect();
            if next.is_empty() {
                return counts;
            }
            for outcome in self.commit(&next).await {
                match outcome.error_code() {
                    Some("max_balance_reached") => counts.skipped += 1,
                    Some(_) => counts.failed += 1,
                    None if outcome.skipped.is_some() => counts.skipped += 1,
                    None => {
                        counts.granted += 1;
                        let repaid = outcome.repaid.unwrap_or_default();
                        counts.credits += outcome.amount.unwrap_or_default() + repaid;
                    }
                }
            }
        }
    }

    async fn expire(&mut self) -> Expired {
        let cutoff = self.ledger.now - LATENESS;
        let mut users = BTreeSet::new();
        let mut cursor = None;
        loop {
            let page =
                read::users_with_expired_batches(&self.ledger.store, cutoff, cursor.as_deref())
                    .await;
            let page = page.expect("a page");
            users.extend(page.items.into_iter().map(|(_, user)| user));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let commands: Vec<Command> = users
            .into_iter()
            .map(|user| {
                Self::internal(
                    format!("expire:{user}"),
                    user,
                    Action::Expire(Expire { cutoff }),
                )
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
