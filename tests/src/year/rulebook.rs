//! The configuration of the year, as the model needs it and as the workers do.

use std::sync::Arc;

use chrono::TimeDelta;
use ledger::{DefaultPrice, Package, Plan, Price, Registration, Rules};
use scrip::catalog::Catalog;

/// How late an event may come and still be judged by when it happened.
pub const LATENESS: TimeDelta = TimeDelta::hours(24);
/// What a sign-up brings, and for how many days.
pub const REGISTRATION: (i64, i64) = (20, 30);
/// The plan that every user falls back to.
pub const FREE: &str = "free";
/// Credits and bonus, both for so many days.
pub const PACKAGES: [(&str, i64, i64, i64); 4] = [
    ("lite", 100, 10, 90),
    ("standard", 500, 50, 90),
    ("pro", 1_500, 200, 90),
    ("max", 5_000, 1_000, 365),
];

/// A plan.
#[derive(Clone, Debug)]
pub struct PlanRule {
    /// Its name.
    pub name: &'static str,
    /// Whether it is granted.
    pub enabled: bool,
    /// Credits a month.
    pub credits: i64,
    /// For how many days; until the next month if absent.
    pub days: Option<i64>,
}

/// What may change during the year.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// Whether the credit system is on.
    pub enabled: bool,
    /// No free grant takes a user above it.
    pub max_balance: i64,
    /// Whether trials are granted.
    pub trial_grants: bool,
    /// How long a subscription is granted after a payment fell due.
    pub grace: TimeDelta,
    /// The plans.
    pub plans: Vec<PlanRule>,
    /// What so many units of a service cost.
    pub prices: Vec<(&'static str, i64, i64)>,
}

impl Rulebook {
    /// As the year begins.
    pub fn first() -> Self {
        let plan = |name, credits, days| PlanRule {
            name,
            enabled: true,
            credits,
            days,
        };
        Self {
            enabled: true,
            max_balance: 4_000,
            trial_grants: true,
            grace: TimeDelta::days(3),
            plans: vec![
                plan(FREE, 10, Some(30)),
                plan("starter", 60, Some(7)),
                plan("pro", 200, Some(30)),
                plan("team", 900, None),
            ],
            prices: vec![
                ("google:fast", 1, 1),
                ("google:chat", 2, 1),
                ("google:image", 5, 1),
                ("llm:tokens", 1, 1_000),
                ("ping", 0, 1),
            ],
        }
    }

    /// The rules of a day of the year.
    pub fn of(day: i64) -> Self {
        let mut rules = Self::first();
        if day >= 150 {
            rules.prices[1].1 = 3;
            rules.grace = TimeDelta::days(5);
        }
        if (150..180).contains(&day) {
            rules.plans[3].enabled = false;
        }
        if day == 100 {
            rules.enabled = false;
        }
        if day >= 240 {
            rules.trial_grants = false;
        }
        rules
    }

    /// Whether the rules of a day are not those of the day before.
    pub fn changes_on(day: i64) -> bool {
        [100, 101, 150, 180, 240].contains(&day)
    }

    /// A plan by its name.
    pub fn plan(&self, name: &str) -> Option<&PlanRule> {
        self.plans.iter().find(|plan| plan.name == name)
    }

    /// What so many units cost: rounded up; a service without a price costs 1 a unit.
    pub fn price(&self, service: &str, units: i64) -> i64 {
        let (credits, per) = self
            .prices
            .iter()
            .find(|(name, ..)| *name == service)
            .map_or((1, 1), |(_, credits, per)| (*credits, *per));
        let (mut cost, mut rest) = (units / per * credits, units % per * credits);
        while rest > 0 {
            cost += 1;
            rest -= per;
        }
        cost
    }

    /// The same for the ledger.
    pub fn rules(&self) -> Rules {
        Rules {
            references: ledger::References::PerOrigin,
            enabled: self.enabled,
            max_lateness: LATENESS,
            max_user_balance: self.max_balance,
            registration: Registration {
                credits: REGISTRATION.0,
                validity_days: Some(REGISTRATION.1),
            },
            free_plan: Some(FREE.to_owned()),
            trial_grants: self.trial_grants,
            past_due_grace: self.grace,
            plans: self.plans.iter().map(plan).collect(),
            packages: PACKAGES.iter().map(package).collect(),
            prices: self.prices.iter().map(price).collect(),
            default_price: DefaultPrice::Price(Price::each(1)),
        }
    }

    /// The same for a worker.
    pub fn catalog(&self) -> Catalog {
        Catalog {
            rules: Arc::new(self.rules()),
            packages: Vec::new(),
            free_users_may_buy: true,
        }
    }
}

fn plan(plan: &PlanRule) -> (String, Plan) {
    let rule = Plan {
        enabled: plan.enabled,
        credits: plan.credits,
        validity_days: plan.days,
    };
    (plan.name.to_owned(), rule)
}

fn package((id, credits, bonus, days): &(&str, i64, i64, i64)) -> (String, Package) {
    let rule = Package {
        credits: *credits,
        bonus: *bonus,
        validity_days: Some(*days),
        price_id: Some(format!("price_{id}")),
    };
    ((*id).to_owned(), rule)
}

fn price((service, credits, per): &(&'static str, i64, i64)) -> (String, Price) {
    let rule = Price {
        credits: *credits,
        per: *per,
    };
    ((*service).to_owned(), rule)
}
