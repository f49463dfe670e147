//! The configuration of the year, for the model and for the workers.

use std::sync::Arc;

use chrono::TimeDelta;
use ledger::{DebtPolicy, DefaultPrice, Package, Plan, Price, Registration, Rules};
use scrip::catalog::Catalog;

/// The maximum lateness of a message whose own time counts.
pub const LATENESS: TimeDelta = TimeDelta::hours(24);
/// The credits of the registration bonus and their validity in days.
pub const REGISTRATION: (i64, i64) = (20, 30);
/// The validity in days of refunded credits whose batch has expired.
pub const REFUND_GRACE: i64 = 7;
/// The name of the free plan.
pub const FREE: &str = "free";
/// The packages: id, credits, bonus, and the validity of both in days.
pub const PACKAGES: [(&str, i64, i64, i64); 4] = [
    ("lite", 100, 10, 90),
    ("standard", 500, 50, 90),
    ("pro", 1_500, 200, 90),
    ("max", 5_000, 1_000, 365),
];

/// A plan.
#[derive(Clone, Debug)]
pub struct PlanRule {
    pub name: &'static str,
    /// Whether the plan is granted.
    pub enabled: bool,
    /// The credits per month.
    pub credits: i64,
    /// The validity of the credits in days; `None` means until the start of the next month.
    pub days: Option<i64>,
}

/// The rules that may change during the year.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// Whether the credit system is enabled.
    pub enabled: bool,
    /// The cap: the spendable balance up to which free credits are granted.
    pub max_balance: i64,
    /// Whether a trial gets credits.
    pub trial_grants: bool,
    /// The time for which a subscription still gets credits after it became past due.
    pub grace: TimeDelta,
    pub plans: Vec<PlanRule>,
    /// The prices: service, credits, and the number of units that they pay for.
    pub prices: Vec<(&'static str, i64, i64)>,
}

impl Rulebook {
    /// The rules at the beginning of the year.
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
    pub fn on_day(day: i64) -> Self {
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

    /// Whether the rules of a day differ from those of the day before.
    pub fn changes_on(day: i64) -> bool {
        [100, 101, 150, 180, 240].contains(&day)
    }

    /// A plan by its name.
    pub fn plan(&self, name: &str) -> Option<&PlanRule> {
        self.plans.iter().find(|plan| plan.name == name)
    }

    /// The price of `units` units, rounded up. A service without a price costs 1 per unit.
    pub fn price(&self, service: &str, units: i64) -> i64 {
        Self::cost(self.price_of(service), units)
    }

    /// The price of a service: credits for a number of units.
    pub fn price_of(&self, service: &str) -> (i64, i64) {
        let mut prices = self.prices.iter();
        let price = prices.find(|(name, ..)| *name == service);
        price.map_or((1, 1), |(_, credits, per)| (*credits, *per))
    }

    /// The cost of units at a price, rounded up.
    pub fn cost((credits, per): (i64, i64), units: i64) -> i64 {
        let (mut cost, mut rest) = (units / per * credits, units % per * credits);
        while rest > 0 {
            cost += 1;
            rest -= per;
        }
        cost
    }

    /// These rules for the ledger.
    pub fn rules(&self) -> Rules {
        Rules {
            references: ledger::References::PerOrigin,
            refund_grace_days: REFUND_GRACE,
            debt_policy: DebtPolicy::RepayFirst,
            freeze_on_debt: false,
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
            max_hold: Rules::default().max_hold,
            plans: self.plans.iter().map(plan).collect(),
            packages: PACKAGES.iter().map(package).collect(),
            prices: self.prices.iter().map(price).collect(),
            default_price: DefaultPrice::Price(Price::each(1)),
        }
    }

    /// These rules for a worker.
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
        price_ids: Vec::new(),
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
