//! Subscriptions: the effect of each event, in and out of order, and the grants that follow.

mod events;
mod grants;
mod refusals;
mod statuses;

use chrono::{DateTime, Utc};
use ledger::{
    Action, Book, Command, Decision, MonthlyGrant, Origin, Outcome, Refusal, Rules, Subscription,
    SubscriptionStatus, SubscriptionUpdate, TransactionType,
};
use uuid::Uuid;

fn at(text: &str) -> DateTime<Utc> {
    let text = if text.contains('T') {
        format!("{text}Z")
    } else {
        format!("{text}T00:00:00Z")
    };
    text.parse().expect("an instant")
}

struct Desk {
    book: Book,
    rules: Rules,
    now: DateTime<Utc>,
    references: u32,
    ids: u128,
}

impl Desk {
    fn new() -> Self {
        Self {
            book: Book::default(),
            rules: Rules::default(),
            now: at("2026-01-10"),
            references: 0,
            ids: 0,
        }
    }

    fn decide(&mut self, command: &Command) -> Decision {
        let ids = &mut self.ids;
        self.book
            .decide(command, &self.rules, self.now, &mut || {
                *ids += 1;
                Uuid::from_u128(*ids)
            })
            .expect("a consistent book")
    }

    fn send(&mut self, user: &str, occurred_at: Option<DateTime<Utc>>, action: Action) -> Decision {
        self.references += 1;
        let command = command(&format!("r{}", self.references), user, occurred_at, action);
        self.decide(&command)
    }

    fn event(&mut self, day: &str, status: SubscriptionStatus, plan: &str) -> Outcome {
        settled(self.send(
            "u",
            Some(at(day)),
            subscription("sub", plan, status, None, None),
        ))
    }

    /// An event of the plan `pro` with a quantity.
    fn seats(&mut self, day: &str, quantity: i64) -> Outcome {
        let mut action = subscription("sub", "pro", SubscriptionStatus::Active, None, None);
        if let Action::Subscription(update) = &mut action {
            update.quantity = Some(quantity);
        }
        settled(self.send("u", Some(at(day)), action))
    }

    /// Sends all commands that the job would send.
    fn job(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let subscriptions = self.book.subscriptions("u").to_vec();
        for subscription in subscriptions {
            for due in subscription.due_periods(&self.rules, self.now) {
                let command = monthly("u", &subscription.id, due.period.start);
                outcomes.push(settled(self.decide(&command)));
            }
        }
        outcomes
    }

    fn known(&self) -> &Subscription {
        &self.book.subscriptions("u")[0]
    }

    fn granted(&self) -> Vec<(String, i64)> {
        let grants = self.book.postings().iter();
        grants
            .filter(|posting| {
                posting.kind == TransactionType::MonthlyGrant && posting.refusal.is_none()
            })
            .map(|posting| {
                let start = posting.period_start.expect("a period");
                (start.format("%Y-%m-%d").to_string(), posting.amount)
            })
            .collect()
    }
}

fn command(
    reference: &str,
    user: &str,
    occurred_at: Option<DateTime<Utc>>,
    action: Action,
) -> Command {
    Command {
        origin: Origin::Funding,
        reference_id: reference.to_owned(),
        user_id: user.to_owned(),
        occurred_at,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action,
    }
}

fn subscription(
    id: &str,
    plan: &str,
    status: SubscriptionStatus,
    anchor: Option<DateTime<Utc>>,
    paid_through: Option<DateTime<Utc>>,
) -> Action {
    Action::Subscription(SubscriptionUpdate {
        quantity: None,
        subscription_id: id.to_owned(),
        plan: plan.to_owned(),
        status,
        anchor,
        paid_through,
    })
}

fn monthly(user: &str, id: &str, start: DateTime<Utc>) -> Command {
    let action = Action::MonthlyGrant(MonthlyGrant {
        subscription_id: id.to_owned(),
        period_start: start,
    });
    Command {
        origin: Origin::Internal,
        ..command(
            &format!("grant:{id}:{}", start.format("%Y-%m-%d")),
            user,
            None,
            action,
        )
    }
}

fn settled(decision: Decision) -> Outcome {
    match decision {
        Decision::Settled(outcome) => outcome,
        Decision::Unapplied(refused) => panic!("unapplied: {refused}"),
    }
}

fn code(outcome: &Outcome) -> Option<Refusal> {
    outcome.refused.as_ref().map(|refused| refused.code)
}

fn days(granted: &[(String, i64)]) -> Vec<&str> {
    granted.iter().map(|(day, _)| day.as_str()).collect()
}
