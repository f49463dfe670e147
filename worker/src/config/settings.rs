//! The settings: all sections of the configuration together.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::TimeDelta;
use ledger::Rules;
use producer_sdk::contract::{PackageItem, Topology};
use toml::{Table, Value};

use super::{
    Database, Debt, Health, Holds, Http, Ledger, Logging, Packages, Payments, Plans, Prices,
    Recovery, Redis, Refunds, Registration, Schedule, SecretUrl, Senders, Subscriptions, Worker,
    problem::ConfigError,
    section::Reading,
    servers, shared_prices,
    source::{Environment, Origin, Source},
};
use crate::catalog::{Catalog, PackageForSale};

const DEFAULT_NAMESPACE: &str = "credits";

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file that was read. `None` without a file.
    pub file: Option<PathBuf>,
    /// Prefix of the names of all exchanges and queues.
    pub namespace: String,
    /// Folder of the file of the embedded default. `None`: the user's data folder.
    pub data_dir: Option<PathBuf>,
    /// Whether connections to other machines must use TLS.
    pub require_tls: bool,
    /// URL of the broker.
    pub amqp: Option<SecretUrl>,
    /// Whether commands and queries of the command line name the account of the URL as their
    /// sender.
    pub name_sender: bool,
    pub redis: Redis,
    pub database: Database,
    pub ledger: Ledger,
    pub refunds: Refunds,
    pub debt: Debt,
    pub registration: Registration,
    pub subscriptions: Subscriptions,
    pub holds: Holds,
    pub plans: Plans,
    pub packages: Packages,
    pub prices: Prices,
    pub schedule: Schedule,
    pub senders: Senders,
    pub worker: Worker,
    pub recovery: Recovery,
    pub health: Health,
    pub http: Http,
    pub payments: Payments,
    pub logging: Logging,
    /// The origin of each value that is not built in, by key.
    pub origins: BTreeMap<String, Origin>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            file: None,
            namespace: DEFAULT_NAMESPACE.to_owned(),
            data_dir: None,
            require_tls: false,
            amqp: None,
            name_sender: true,
            redis: Redis::default(),
            database: Database::default(),
            ledger: Ledger::default(),
            refunds: Refunds::default(),
            debt: Debt::default(),
            registration: Registration::default(),
            subscriptions: Subscriptions::default(),
            holds: Holds::default(),
            plans: Plans::default(),
            packages: Packages::default(),
            prices: Prices::default(),
            schedule: Schedule::default(),
            senders: Senders::default(),
            worker: Worker::default(),
            recovery: Recovery::default(),
            health: Health::default(),
            http: Http::default(),
            payments: Payments::default(),
            logging: Logging::default(),
            origins: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads the environment and `file`. If `file` is `None`, reads the file that the environment
    /// names, or `scrip.toml`.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let built_in = [
            ("plans", Plans::default().show()),
            ("packages", Packages::default().show()),
            ("prices", Prices::default().show()),
        ];
        Self::from_source(&Source::read(file, environment, built_in)?)
    }

    fn from_source(source: &Source) -> Result<Self, ConfigError> {
        let reading = Reading::new(source);
        let settings = Self::read(&reading);
        let problems = reading.into_problems();
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigError::Wrong(problems))
        }
    }

    fn read(reading: &Reading<'_>) -> Self {
        let root = reading.root();
        let namespace = root
            .text("namespace")
            .unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        if Topology::new(namespace.as_str(), 1).is_err() {
            let allowed =
                "1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, without `.reply` at the end";
            root.wrong("namespace", format!("{namespace:?}"), allowed, ());
        }
        let plans = Plans::read(root.section("plans"));
        let mut packages = Packages::read(root.section("packages"));
        packages.set_price_ids(reading.source());
        shared_prices::refuse_shared(&root, &plans, &packages);
        let plan_names: Vec<&str> = plans.0.keys().map(String::as_str).collect();
        let (amqp, name_sender) = servers::read(root.section("amqp"));
        let settings = Self {
            file: reading.source().file.clone(),
            namespace,
            data_dir: root.text("data_dir").map(PathBuf::from),
            require_tls: root.boolean("require_tls", false),
            amqp,
            name_sender,
            redis: Redis::read(root.section("redis")),
            database: Database::read(root.section("database")),
            ledger: Ledger::read(root.section("ledger")),
            refunds: Refunds::read(root.section("refunds")),
            debt: Debt::read(root.section("debt")),
            registration: Registration::read(root.section("registration"), &plan_names),
            packages,
            subscriptions: Subscriptions::read(root.section("subscriptions")),
            holds: Holds::read(root.section("holds")),
            prices: Prices::read(root.section("prices")),
            schedule: Schedule::read(root.section("schedule")),
            senders: Senders::read(root.section("senders")),
            worker: Worker::read(root.section("worker")),
            recovery: Recovery::read(root.section("recovery")),
            health: Health::read(root.section("health")),
            http: Http::read(root.section("http")),
            payments: Payments::read(root.section("payments")),
            logging: Logging::read(root.section("logging")),
            plans,
            origins: reading.source().origins(),
        };
        root.finish();
        settings.refuse_plain_text(reading);
        settings.refuse_senders_without_a_broker(reading);
        settings
    }

    /// Notes a problem if `[senders]` is set for the embedded queue, which has no accounts and
    /// cannot enforce their limits.
    fn refuse_senders_without_a_broker(&self, reading: &Reading<'_>) {
        if self.senders != Senders::default() && self.amqp.is_none() && self.database.url.is_none()
        {
            let allowed = "a broker (amqp.url and database.url), or the section `[senders]` with \
                           its defaults";
            reading.problem(
                "senders",
                "set for the embedded queue, which has no senders",
                allowed,
            );
        }
    }

    /// The rules for the core.
    pub fn rules(&self) -> Rules {
        let packages = self.packages.0.iter();
        Rules {
            enabled: self.ledger.enabled,
            max_lateness: TimeDelta::from_std(self.ledger.max_lateness)
                .unwrap_or(TimeDelta::days(1)),
            max_user_balance: self.ledger.max_user_balance,
            registration: ledger::Registration {
                credits: self.registration.credits,
                validity_days: self.registration.validity_days,
            },
            trial_grants: self.subscriptions.trial_grants,
            max_hold: TimeDelta::from_std(self.holds.max_duration).unwrap_or(TimeDelta::days(1)),
            past_due_grace: TimeDelta::from_std(self.subscriptions.past_due_grace)
                .unwrap_or(TimeDelta::zero()),
            free_plan: self.registration.plan.clone(),
            plans: self.plans.0.clone(),
            packages: packages
                .map(|(id, package)| (id.clone(), package.rule.clone()))
                .collect(),
            prices: self.prices.0.clone(),
            default_price: self.ledger.default_consumption,
            refund_grace_days: self.refunds.grace_days,
            debt_policy: self.debt.policy,
            freeze_on_debt: self.debt.freeze_on_debt,
            references: self.senders.references,
        }
    }

    /// The catalog for queries.
    pub fn catalog(&self) -> Catalog {
        let mut packages: Vec<PackageForSale> = self
            .packages
            .0
            .iter()
            .map(|(id, package)| PackageForSale {
                enabled: package.enabled,
                price_ids: package.rule.price_ids.clone(),
                item: PackageItem {
                    id: id.clone(),
                    credits: package.rule.credits,
                    bonus: package.rule.bonus,
                    validity_days: package.rule.validity_days,
                    price: package.price.map(|price| price.to_string()),
                    currency: package.price.map(|_| package.currency.clone()),
                    popular: package.popular,
                    price_id: package.rule.price_id.clone(),
                },
            })
            .collect();
        packages.sort_by_key(|package| package.item.credits);
        Catalog {
            rules: Arc::new(self.rules()),
            packages,
            free_users_may_buy: self.ledger.allow_free_user_purchase_packages,
        }
    }

    /// The configuration in the form of its file, without passwords.
    pub fn show(&self) -> Table {
        let mut table = Table::from_iter([
            ("namespace".to_owned(), self.namespace.clone().into()),
            ("require_tls".to_owned(), self.require_tls.into()),
        ]);
        if let Some(folder) = &self.data_dir {
            table.insert(
                "data_dir".to_owned(),
                folder.to_string_lossy().into_owned().into(),
            );
        }
        for (name, section) in [
            ("amqp", servers::show(self.amqp.as_ref(), self.name_sender)),
            ("redis", self.redis.show()),
            ("database", self.database.show()),
            ("ledger", self.ledger.show()),
            ("refunds", self.refunds.show()),
            ("debt", self.debt.show()),
            ("registration", self.registration.show()),
            ("subscriptions", self.subscriptions.show()),
            ("holds", self.holds.show()),
            ("plans", self.plans.show()),
            ("packages", self.packages.show()),
            ("prices", self.prices.show()),
            ("schedule", self.schedule.show()),
            ("senders", self.senders.show()),
            ("worker", self.worker.show()),
            ("recovery", self.recovery.show()),
            ("health", self.health.show()),
            ("http", self.http.show()),
            ("payments", self.payments.show()),
            ("logging", self.logging.show()),
        ] {
            table.insert(name.to_owned(), Value::Table(section));
        }
        table
    }
}
