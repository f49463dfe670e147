//! Webhooks, the ledger and the clock in one process: signed bodies are checked, mapped and booked
//! at a time that the test sets.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use entity::credits_transaction::{Column, Entity};
use ledger::{Decision, Origin};
use producer_sdk::Command;
use scrip::{
    config::{Environment, Secret, Settings},
    decode::decode,
    payments::{
        Event, PaymentRules, Provider,
        service::{self, Publish, ServiceError},
        signature,
        tables::StoredStatus,
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, promote},
};

use super::sender::{CREEM, OLD, sign, stripe_header};

/// Plans whose credits outlive every test, and the prices of both providers. `team` is sold per
/// unit.
const SETTINGS: [(&str, &str); 9] = [
    ("SCRIP__PLANS__PRO__VALIDITY_DAYS", "3650"),
    (
        "SCRIP__PLANS__PRO__PRICE_IDS",
        "[\"price_pro\", \"prod_pro\"]",
    ),
    ("SCRIP__PLANS__MAX__CREDITS", "500"),
    ("SCRIP__PLANS__MAX__VALIDITY_DAYS", "3650"),
    (
        "SCRIP__PLANS__MAX__PRICE_IDS",
        "[\"price_max\", \"prod_max\"]",
    ),
    ("SCRIP__PLANS__TEAM__CREDITS", "7"),
    ("SCRIP__PLANS__TEAM__VALIDITY_DAYS", "3650"),
    ("SCRIP__PLANS__TEAM__PRICE_IDS", "[\"price_team\"]"),
    ("SCRIP__PLANS__TEAM__PER_UNIT", "true"),
];
const PACKAGES: [(&str, &str); 2] = [
    ("SCRIP__PACKAGES__LITE__PRICE_IDS", "[\"price_lite\"]"),
    ("SCRIP__PACKAGES__LITE__PER_UNIT", "true"),
];

/// The webhooks, the ledger and the clock.
pub struct Simulation {
    /// Its `now` is the clock.
    pub ledger: TestLedger,
    rules: PaymentRules,
    /// The credits that marks gave to each user.
    marks: BTreeMap<String, i64>,
}

/// A queue whose worker books each command before it is confirmed.
struct Worker<'a>(&'a TestLedger);

impl Publish for Worker<'_> {
    type Error = String;

    async fn publish(&self, command: &Command) -> Result<(), String> {
        let command = decode(&command.to_json(), Origin::Funding).expect("a valid command");
        match self.0.commit(&[command]).await.remove(0) {
            Decision::Settled(_) => Ok(()),
            Decision::Unapplied(refused) => Err(refused.to_string()),
        }
    }
}

impl Simulation {
    /// A simulation that begins at `now`. `trial` is the setting of subscriptions.
    pub async fn new(database: TestDatabase, now: DateTime<Utc>, trial: &str) -> Self {
        let variables = [("SCRIP__SUBSCRIPTIONS__TRIAL", trial)];
        let all = SETTINGS.iter().chain(&PACKAGES).chain(&variables);
        let all = all.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let environment: Environment = all.collect();
        let settings = Settings::load(None, &environment).expect("valid settings");
        let mut ledger = TestLedger::on(database).await;
        (ledger.rules, ledger.now) = (settings.rules(), now);
        let rules = PaymentRules::new(&settings);
        Self {
            ledger,
            rules,
            marks: BTreeMap::new(),
        }
    }

    /// Sends a signed event. `None` if the provider has to send it again.
    pub async fn deliver(&self, provider: Provider, event: &Value) -> Option<StoredStatus> {
        let (body, now) = (event.to_string(), self.ledger.now);
        let signed = match provider {
            Provider::Stripe => {
                let header = stripe_header(&body, OLD, now.timestamp());
                let signed = signature::read_stripe(&header, Duration::from_mins(5), now);
                signed.map(|signed| signed.check(body.as_bytes(), &[Secret::new(OLD.to_owned())]))
            }
            Provider::Creem => {
                let signed = signature::read_creem(&sign(CREEM, body.as_bytes()));
                let secrets = [Secret::new(CREEM.to_owned())];
                signed.map(|signed| signed.check(body.as_bytes(), &secrets))
            }
        };
        signed
            .and_then(|checked| checked)
            .expect("a valid signature");
        let read = Event::read(provider, &body).expect("an event");
        let (store, worker) = (&self.ledger.store, Worker(&self.ledger));
        match service::receive(store, &self.rules, &read, &body, &worker).await {
            Ok(status) => Some(status),
            Err(ServiceError::GrantPending) => None,
            Err(error) => panic!("{error:?}: {event}"),
        }
    }

    /// The balance of a user, after everything that is due was granted.
    pub async fn balance(&mut self, user: &str) -> i64 {
        let marks = self.marks.entry(user.to_owned()).or_default();
        *marks += 1;
        let mark = promote(&format!("mark:{user}:{marks}"), user, 1, None);
        let outcome = self.ledger.one(mark).await;
        assert!(outcome.refused.is_none(), "{outcome:?}");
        outcome.balance.expect("a wallet") - *marks
    }

    /// The grants of periods that brought credits: the day of their start, and the credits.
    pub async fn grants(&self, user: &str) -> Vec<(String, i64)> {
        let found = Entity::find()
            .filter(Column::UserId.eq(user))
            .filter(Column::Kind.eq("monthly_grant"))
            .filter(Column::Amount.gt(0))
            .order_by_asc(Column::PeriodStart)
            .all(self.ledger.store.read_connection());
        let found = found.await.expect("transactions");
        let grants = found.into_iter().map(|grant| {
            let start = grant.period_start.expect("a period");
            (start.format("%Y-%m-%d").to_string(), grant.amount)
        });
        grants.collect()
    }
}
