//! A migrated database with a store on it, and short ways to write commands.

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{Action, Command, Decision, Item, Origin, Outcome, Price, Rules, SubscriptionStatus};
use scrip::{
    store::{Store, StoreOptions},
    verify::{Options, verify},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::db::TestDatabase;

/// A migrated database with a store on it.
pub struct TestLedger {
    /// The database; dropped with the ledger.
    pub database: TestDatabase,
    /// A store on it.
    pub store: Store,
    /// The classic rules, and `llm:tokens` at one credit for a thousand.
    pub rules: Rules,
    /// The wall clock of the test.
    pub now: DateTime<Utc>,
}

impl TestLedger {
    /// A ledger on an empty database. Its stores have the privileges of a worker.
    pub async fn on(database: TestDatabase) -> Self {
        let database = database.migrated().await;
        let url = database.worker_url();
        Self::with_store_at(&url, database).await
    }

    /// The same with the privileges of an administrator, for tests that instrument the database.
    pub async fn administered(database: TestDatabase) -> Self {
        let database = database.migrated().await;
        let url = database.url().to_owned();
        Self::with_store_at(&url, database).await
    }

    async fn with_store_at(url: &str, database: TestDatabase) -> Self {
        let store = Store::connect(url, &StoreOptions::default())
            .await
            .expect("a store");
        let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
        Self {
            database,
            store,
            rules: rules(),
            now,
        }
    }

    /// Whether groups may be committed without a lock here: on PostgreSQL.
    pub fn is_quick(&self) -> bool {
        self.store.backend() == DbBackend::Postgres
    }

    /// How many groups the store has committed so, and how many it tried to in vain.
    pub fn quick_groups(&self) -> (u64, u64) {
        let ways = self.store.ways().read();
        let count = |name| ways.iter().find(|(known, _)| *known == name).expect("a way").1;
        (count("quick"), count("quick_in_vain"))
    }

    /// Another store on the same database, as another worker has.
    pub async fn another_store(&self) -> Store {
        Store::connect(&self.database.worker_url(), &StoreOptions::default())
            .await
            .expect("another store")
    }

    /// Commits a group.
    pub async fn commit(&self, commands: &[Command]) -> Vec<Decision> {
        self.store
            .commit_group(commands, &self.rules, self.now)
            .await
            .expect("a committed group")
    }

    /// Commits a group and expects every command to be settled.
    pub async fn settle(&self, commands: &[Command]) -> Vec<Outcome> {
        self.commit(commands).await.iter().map(settled).collect()
    }

    /// Commits one command and expects it to be settled.
    pub async fn one(&self, command: Command) -> Outcome {
        self.settle(&[command]).await.remove(0)
    }

    /// One number that a query answers.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.store.backend(), sql);
        let row = self
            .store
            .read_connection()
            .query_one_raw(statement)
            .await
            .expect("a query")
            .expect("a row");
        row.try_get_by_index::<i64>(0).expect("a number")
    }

    /// Every row of the ledger in one text: equal texts, equal ledgers.
    pub async fn fingerprint(&self) -> String {
        let mut all = String::new();
        for table in [
            "credits_balance",
            "credits_batch",
            "credits_transaction",
            "credits_allocation",
            "subscription",
        ] {
            let row = if self.store.backend() == DbBackend::Sqlite {
                let columns = self.columns(table).await;
                columns
                    .iter()
                    .map(|column| format!("quote({column})"))
                    .collect::<Vec<_>>()
                    .join(" || ',' || ")
            } else {
                "t::text".to_owned()
            };
            let sql = format!("SELECT {row} AS line FROM {table} AS t ORDER BY 1");
            let statement = Statement::from_string(self.store.backend(), sql);
            for row in self
                .store
                .read_connection()
                .query_all_raw(statement)
                .await
                .expect("rows")
            {
                all.push_str(&row.try_get_by_index::<String>(0).expect("a text"));
                all.push('\n');
            }
        }
        all
    }

    async fn columns(&self, table: &str) -> Vec<String> {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        let rows = self
            .store
            .read_connection()
            .query_all_raw(Statement::from_string(self.store.backend(), sql));
        rows.await
            .expect("columns")
            .iter()
            .map(|row| row.try_get_by_index(0).expect("a name"))
            .collect()
    }

    /// Expects that every invariant holds.
    pub async fn verify(&self) {
        let db = self.store.read_connection();
        let report = verify(db, &Options::default(), self.now, |_| {}).await;
        assert_eq!(report.expect("a report").violations, []);
    }
}

/// The classic rules, and `llm:tokens` at one credit for a thousand.
pub fn rules() -> Rules {
    let mut rules = Rules::default();
    rules.prices.insert(
        "llm:tokens".to_owned(),
        Price {
            credits: 1,
            per: 1000,
        },
    );
    rules
}

/// The outcome of a decision that must be settled.
pub fn settled(decision: &Decision) -> Outcome {
    match decision {
        Decision::Settled(outcome) => outcome.clone(),
        Decision::Unapplied(refused) => panic!("unapplied: {refused}"),
    }
}

/// A command of that origin.
pub fn command(origin: Origin, reference: &str, user: &str, action: Action) -> Command {
    Command {
        origin,
        reference_id: reference.to_owned(),
        user_id: user.to_owned(),
        occurred_at: None,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action,
    }
}

/// Spends `amount` credits.
pub fn consume(reference: &str, user: &str, amount: i64) -> Command {
    let action = Action::Consume {
        service: "google:chat".to_owned(),
        amount: Some(amount),
        quantity: None,
    };
    command(Origin::Usage, reference, user, action)
}

/// Uses a service at its price.
pub fn use_service(reference: &str, user: &str, service: &str, quantity: Option<i64>) -> Command {
    let action = Action::Consume {
        service: service.to_owned(),
        amount: None,
        quantity,
    };
    command(Origin::Usage, reference, user, action)
}

/// The registration bonus.
pub fn register(reference: &str, user: &str) -> Command {
    command(Origin::Funding, reference, user, Action::RegistrationBonus)
}

/// Free credits.
pub fn promote(reference: &str, user: &str, amount: i64, validity_days: Option<i64>) -> Command {
    command(
        Origin::Funding,
        reference,
        user,
        Action::Promotion {
            amount,
            validity_days,
        },
    )
}

/// Buys something; the payment has the name of the reference.
pub fn buy(reference: &str, user: &str, item: Item) -> Command {
    let action = Action::Purchase {
        item,
        purchase_id: reference.to_owned(),
        purchase_line: None,
        paid_micros: Some(9_990_000),
        currency: Some("USD".to_owned()),
    };
    command(Origin::Funding, reference, user, action)
}

/// Buys so many credits that never expire.
pub fn buy_credits(reference: &str, user: &str, credits: i64) -> Command {
    buy(
        reference,
        user,
        Item::Credits {
            credits,
            validity_days: None,
        },
    )
}

/// Buys a package.
pub fn buy_package(reference: &str, user: &str, package: &str) -> Command {
    buy(reference, user, Item::Package(package.to_owned()))
}

/// Sweeps what lapsed until `cutoff`.
pub fn expire(user: &str, cutoff: DateTime<Utc>) -> Command {
    command(Origin::Internal, "job:expire", user, Action::Expire { cutoff })
}

/// What a payment provider says of a subscription, at `at`.
pub fn subscribe(
    reference: &str,
    user: &str,
    id: &str,
    plan: &str,
    status: SubscriptionStatus,
    at: DateTime<Utc>,
) -> Command {
    let action = Action::Subscription {
        subscription_id: id.to_owned(),
        plan: plan.to_owned(),
        status,
        anchor: None,
        paid_through: None,
    };
    let mut command = command(Origin::Funding, reference, user, action);
    command.occurred_at = Some(at);
    command
}

/// The job's command for a period.
pub fn grant_period(user: &str, id: &str, start: DateTime<Utc>) -> Command {
    let action = Action::MonthlyGrant {
        subscription_id: id.to_owned(),
        period_start: start,
    };
    let reference = format!("grant:{id}:{}", start.format("%Y-%m-%d"));
    command(Origin::Internal, &reference, user, action)
}

/// Stops a wallet from spending, or lets it spend again.
pub fn freeze(reference: &str, user: &str, frozen: bool) -> Command {
    let (reason, actor) = ("chargeback".to_owned(), "ops:maria".to_owned());
    let action = if frozen {
        Action::Freeze { reason, actor }
    } else {
        Action::Unfreeze { reason, actor }
    };
    command(Origin::Funding, reference, user, action)
}

/// The same command, said to have happened `ago`.
pub fn late(mut command: Command, now: DateTime<Utc>, ago: TimeDelta) -> Command {
    command.occurred_at = Some(now - ago);
    command
}
