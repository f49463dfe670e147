//! A fixture: the book of one user, who sends events and commands.
#![allow(dead_code, reason = "each test file uses a part of it")]

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Book, Command, Consume, Decision, MonthlyGrant, Origin, Outcome, Plan, Refusal, Rules,
    Subscription, SubscriptionStatus, SubscriptionUpdate, TransactionType,
};
use uuid::Uuid;

pub fn at(text: &str) -> DateTime<Utc> {
    let text = if text.contains('T') {
        format!("{text}Z")
    } else {
        format!("{text}T00:00:00Z")
    };
    text.parse().expect("an instant")
}

/// The book of one user. The credits of a plan last for a year: 10 of `basic`, 200 of `pro`.
pub struct Desk {
    pub book: Book,
    pub rules: Rules,
    pub now: DateTime<Utc>,
    pub ids: u128,
}

impl Desk {
    pub fn new(now: &str) -> Self {
        let plan = |credits| Plan {
            enabled: true,
            credits,
            validity_days: Some(365),
        };
        let plans = [("free", plan(10)), ("basic", plan(10)), ("pro", plan(200))];
        let rules = Rules {
            plans: plans.map(|(name, plan)| (name.to_owned(), plan)).into(),
            ..Rules::default()
        };
        Self {
            book: Book::default(),
            rules,
            now: at(now),
            ids: 0,
        }
    }

    pub fn decide(&mut self, command: &Command) -> Decision {
        let ids = &mut self.ids;
        let decision = self.book.decide(command, &self.rules, self.now, &mut || {
            *ids += 1;
            Uuid::from_u128(*ids)
        });
        decision.expect("a consistent book")
    }

    /// A command that was received now.
    pub fn command(&self, occurred_at: Option<DateTime<Utc>>, action: Action) -> Command {
        Command {
            origin: match action {
                Action::Consume(_) => Origin::Usage,
                Action::MonthlyGrant(_) | Action::Expire(_) => Origin::Internal,
                _ => Origin::Funding,
            },
            reference_id: format!("r{}", self.ids),
            user_id: "u".to_owned(),
            occurred_at,
            received_at: None,
            sender: None,
            description: None,
            metadata: None,
            action,
        }
    }

    pub fn send(&mut self, action: Action) -> Outcome {
        let command = self.command(None, action);
        settled(self.decide(&command))
    }

    pub fn event(&mut self, when: &str, status: SubscriptionStatus, plan: &str) -> Outcome {
        self.paid(when, status, plan, None)
    }

    pub fn paid(
        &mut self,
        when: &str,
        status: SubscriptionStatus,
        plan: &str,
        paid_through: Option<&str>,
    ) -> Outcome {
        let command = self.command(Some(at(when)), subscription(status, plan, paid_through));
        settled(self.decide(&command))
    }

    /// Sends the commands that the job sends.
    pub fn job(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for subscription in self.book.subscriptions("u").to_vec() {
            for due in subscription.due_periods(&self.rules, self.now) {
                let start = due.period.start;
                let mut command = self.command(None, grant(&subscription.id, start));
                command.reference_id =
                    format!("grant:{}:{}", subscription.id, start.format("%Y-%m-%d"));
                outcomes.push(settled(self.decide(&command)));
            }
        }
        outcomes
    }

    /// Waits until no late events are expected any more, then runs the job.
    pub fn wait(&mut self) {
        self.now += TimeDelta::minutes(15);
        self.job();
    }

    pub fn known(&self, id: &str) -> &Subscription {
        let mut known = self.book.subscriptions("u").iter();
        known.find(|one| one.id == id).expect("a subscription")
    }

    /// Start and credits of every period that brought credits, in the order of the grants.
    pub fn granted(&self) -> Vec<(String, i64)> {
        let grants = self.book.postings().iter();
        grants
            .filter(|posting| posting.kind == TransactionType::MonthlyGrant && posting.amount > 0)
            .map(|posting| {
                let start = posting.period_start.expect("a period");
                (start.format("%Y-%m-%d").to_string(), posting.amount)
            })
            .collect()
    }

    pub fn balance(&self) -> i64 {
        self.book.wallet("u").map_or(0, |wallet| wallet.balance)
    }
}

pub fn subscription(status: SubscriptionStatus, plan: &str, paid_through: Option<&str>) -> Action {
    Action::Subscription(SubscriptionUpdate {
        quantity: None,
        subscription_id: "sub".to_owned(),
        plan: plan.to_owned(),
        status,
        anchor: None,
        paid_through: paid_through.map(at),
    })
}

pub fn grant(id: &str, period_start: DateTime<Utc>) -> Action {
    Action::MonthlyGrant(MonthlyGrant {
        subscription_id: id.to_owned(),
        period_start,
    })
}

pub fn consume(amount: i64) -> Action {
    Action::Consume(Consume {
        service: "google:chat".to_owned(),
        amount: Some(amount),
        quantity: None,
    })
}

pub fn settled(decision: Decision) -> Outcome {
    match decision {
        Decision::Settled(outcome) => outcome,
        Decision::Unapplied(refused) => panic!("unapplied: {refused}"),
    }
}

pub fn code(outcome: &Outcome) -> Option<Refusal> {
    outcome.refused.as_ref().map(|refused| refused.code)
}

pub fn months(granted: &[(&str, i64)]) -> Vec<(String, i64)> {
    granted
        .iter()
        .map(|(day, amount)| ((*day).to_owned(), *amount))
        .collect()
}
