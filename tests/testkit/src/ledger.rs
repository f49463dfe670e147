//! A migrated database with a store, and short constructors for commands.

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Capture, Command, Consume, Decision, Expire, Forgive, Hold, Item, MonthlyGrant, Origin,
    Outcome, Price, Promotion, Purchase, Refund, Reinstate, Release, Revoke, RevokeExtent,
    RevokeTarget, Rules, StatusChange, SubscriptionStatus, SubscriptionUpdate,
};
use scrip::{
    db::StoreOptions,
    store::Store,
    verify::{Options, verify},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::db::TestDatabase;

/// A migrated database with a store.
pub struct TestLedger {
    /// The database; dropped with the ledger.
    pub database: TestDatabase,
    pub store: Store,
    /// The default rules, and `llm:tokens` at 1 credit per 1000 units.
    pub rules: Rules,
    /// The current time that every commit of the test uses.
    pub now: DateTime<Utc>,
}

impl TestLedger {
    /// A ledger on `database`, which must be empty. Its stores have the privileges of a worker.
    pub async fn on(database: TestDatabase) -> Self {
        let database = database.migrated().await;
        let url = database.worker_url();
        Self::with_store_at(&url, database).await
    }

    /// Like [`TestLedger::on`], but with the privileges of an administrator, for tests that
    /// instrument the database.
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

    /// Whether the store can commit groups on the optimistic path: only on PostgreSQL.
    pub fn is_optimistic(&self) -> bool {
        self.store.backend() == DbBackend::Postgres
    }

    /// The number of groups that the store committed on the optimistic path, and the number of
    /// optimistic attempts that ended in a conflict.
    pub fn optimistic_groups(&self) -> (u64, u64) {
        let paths = self.store.commit_paths().read();
        let count = |name| {
            paths
                .iter()
                .find(|(known, _)| *known == name)
                .expect("a path")
                .1
        };
        (count("optimistic"), count("conflict"))
    }

    /// Another store on the same database, like the store of a second worker.
    pub async fn another_store(&self) -> Store {
        Store::connect(&self.database.worker_url(), &StoreOptions::default())
            .await
            .expect("another store")
    }

    /// Commits a group at [`TestLedger::now`].
    pub async fn commit(&self, commands: &[Command]) -> Vec<Decision> {
        self.store
            .commit_group(commands, &self.rules, self.now)
            .await
            .expect("a committed group")
    }

    /// Commits a group and panics unless every command is settled.
    pub async fn settle(&self, commands: &[Command]) -> Vec<Outcome> {
        self.commit(commands).await.iter().map(settled).collect()
    }

    /// Commits one command and panics unless it is settled.
    pub async fn one(&self, command: Command) -> Outcome {
        self.settle(&[command]).await.remove(0)
    }

    /// The integer in the first column of the first row of a query.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.store.backend(), sql);
        let row = self.store.read_connection().query_one_raw(statement).await;
        let row = row.expect("a query").expect("a row");
        row.try_get_by_index::<i64>(0).expect("a number")
    }

    /// Every row of the ledger as one text. Two ledgers are equal if their texts are equal.
    pub async fn fingerprint(&self) -> String {
        let mut all = String::new();
        for table in [
            "credits_balance",
            "credits_batch",
            "credits_transaction",
            "credits_allocation",
            "credits_hold",
            "credits_hold_slice",
            "credits_refund",
            "credits_revocation",
            "credits_debt",
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

    /// Panics unless every invariant holds.
    pub async fn verify(&self) {
        let db = self.store.read_connection();
        let report = verify(db, &Options::default(), self.now, |_| {}).await;
        assert_eq!(report.expect("a report").violations, []);
    }
}

/// The default rules, and `llm:tokens` at 1 credit per 1000 units.
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

/// The outcome of a decision; panics if the decision is not settled.
pub fn settled(decision: &Decision) -> Outcome {
    match decision {
        Decision::Settled(outcome) => outcome.clone(),
        Decision::Unapplied(refused) => panic!("unapplied: {refused}"),
    }
}

/// A command without any optional field.
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

/// Spends `amount` credits on `google:chat`.
pub fn consume(reference: &str, user: &str, amount: i64) -> Command {
    let action = Action::Consume(Consume {
        service: "google:chat".to_owned(),
        amount: Some(amount),
        quantity: None,
    });
    command(Origin::Usage, reference, user, action)
}

/// Returns credits of the consumption `of`, like an app: `amount`, or all that are left.
pub fn refund(reference: &str, user: &str, of: &str, amount: Option<i64>) -> Command {
    let action = Action::Refund(Refund {
        of: of.to_owned(),
        amount,
    });
    command(Origin::Usage, reference, user, action)
}

/// Takes credits of the deposit `of` back.
pub fn revoke(reference: &str, user: &str, of: &str, extent: RevokeExtent) -> Command {
    let target = RevokeTarget::Reference(of.to_owned());
    let action = Action::Revoke(Revoke { target, extent });
    command(Origin::Funding, reference, user, action)
}

/// Undoes the revocation `of`.
pub fn reinstate(reference: &str, user: &str, of: &str) -> Command {
    let action = Action::Reinstate(Reinstate { of: of.to_owned() });
    command(Origin::Funding, reference, user, action)
}

/// Writes off debt: `amount`, or all.
pub fn forgive(reference: &str, user: &str, amount: Option<i64>) -> Command {
    let action = Action::Forgive(Forgive {
        amount,
        reason: "ticket 4711".to_owned(),
        actor: "ops:maria".to_owned(),
    });
    command(Origin::Funding, reference, user, action)
}

/// Consumes `quantity` units of a service at its price.
pub fn use_service(reference: &str, user: &str, service: &str, quantity: Option<i64>) -> Command {
    let action = Action::Consume(Consume {
        service: service.to_owned(),
        amount: None,
        quantity,
    });
    command(Origin::Usage, reference, user, action)
}

/// Reserves `amount` credits for `google:chat`, for 15 minutes.
pub fn hold(reference: &str, user: &str, amount: i64) -> Command {
    let action = Action::Hold(Hold {
        service: "google:chat".to_owned(),
        amount: Some(amount),
        quantity: None,
        expires_at: None,
        expires_in_seconds: None,
    });
    command(Origin::Usage, reference, user, action)
}

/// Captures `amount` credits of a hold, or all that it holds. The rest is returned.
pub fn capture(reference: &str, user: &str, hold: &str, amount: Option<i64>) -> Command {
    let action = Action::Capture(Capture {
        hold: hold.to_owned(),
        amount,
        quantity: None,
        is_final: None,
        overrun: None,
        late: None,
    });
    command(Origin::Usage, reference, user, action)
}

/// Releases a hold.
pub fn release(reference: &str, user: &str, hold: &str) -> Command {
    let hold = hold.to_owned();
    let action = Action::Release(Release { hold });
    command(Origin::Usage, reference, user, action)
}

/// Grants the registration bonus.
pub fn register(reference: &str, user: &str) -> Command {
    command(Origin::Funding, reference, user, Action::RegistrationBonus)
}

/// Grants `amount` free credits.
pub fn promote(reference: &str, user: &str, amount: i64, validity_days: Option<i64>) -> Command {
    command(
        Origin::Funding,
        reference,
        user,
        Action::Promotion(Promotion {
            amount,
            validity_days,
        }),
    )
}

/// Purchases `item`; the reference is also the id of the payment.
pub fn buy(reference: &str, user: &str, item: Item) -> Command {
    let action = Action::Purchase(Purchase {
        quantity: None,
        item,
        purchase_id: reference.to_owned(),
        purchase_line: None,
        paid_micros: Some(9_990_000),
        currency: Some("USD".to_owned()),
    });
    command(Origin::Funding, reference, user, action)
}

/// Purchases `credits` credits that never expire.
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

/// Purchases a package.
pub fn buy_package(reference: &str, user: &str, package: &str) -> Command {
    buy(reference, user, Item::Package(package.to_owned()))
}

/// The expiry job's command: takes the credits that expired up to `cutoff`.
pub fn expire(user: &str, cutoff: DateTime<Utc>) -> Command {
    command(
        Origin::Internal,
        "job:expire",
        user,
        Action::Expire(Expire { cutoff }),
    )
}

/// The event of a payment provider that a subscription has `status` from `at` on.
pub fn subscribe(
    reference: &str,
    user: &str,
    id: &str,
    plan: &str,
    status: SubscriptionStatus,
    at: DateTime<Utc>,
) -> Command {
    let action = Action::Subscription(SubscriptionUpdate {
        quantity: None,
        subscription_id: id.to_owned(),
        plan: plan.to_owned(),
        status,
        anchor: None,
        paid_through: None,
    });
    let mut command = command(Origin::Funding, reference, user, action);
    command.occurred_at = Some(at);
    command
}

/// The grant job's command for the period that begins at `start`.
pub fn grant_period(user: &str, id: &str, start: DateTime<Utc>) -> Command {
    let action = Action::MonthlyGrant(MonthlyGrant {
        subscription_id: id.to_owned(),
        period_start: start,
    });
    let reference = format!("grant:{id}:{}", start.format("%Y-%m-%d"));
    command(Origin::Internal, &reference, user, action)
}

/// Freezes a wallet, or unfreezes it if `frozen` is false.
pub fn freeze(reference: &str, user: &str, frozen: bool) -> Command {
    let (reason, actor) = ("chargeback".to_owned(), "ops:maria".to_owned());
    let action = if frozen {
        Action::Freeze(StatusChange { reason, actor })
    } else {
        Action::Unfreeze(StatusChange { reason, actor })
    };
    command(Origin::Funding, reference, user, action)
}

/// The same command with an `occurredAt` that is `ago` before `now`.
pub fn late(mut command: Command, now: DateTime<Utc>, ago: TimeDelta) -> Command {
    command.occurred_at = Some(now - ago);
    command
}
