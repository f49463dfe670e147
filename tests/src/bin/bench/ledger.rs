//! A ledger that commands are applied to, and the check that each was applied exactly once.

use std::sync::Arc;

use ledger::{Action, Command, Item, Origin, Rules};
use scrip::{
    catalog::Catalog,
    store::{Store, StoreOptions},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tests::db::TestDatabase;

use crate::{large, workload::Workload};

/// What each batch of a user holds at first.
const FUNDS: i64 = 1_000_000_000;

/// A ledger.
pub struct Ledger {
    pub database: Arc<TestDatabase>,
    pub store: Store,
    pub rules: Arc<Rules>,
}

/// What a ledger holds altogether.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    transactions: i64,
    moved: i64,
    balances: i64,
    remaining: i64,
    allocated: i64,
}

impl Totals {
    /// The number of transactions that are commands' own.
    pub const fn transactions(&self) -> i64 {
        self.transactions
    }
}

impl Ledger {
    /// A ledger in which each of so many users has so many batches.
    pub async fn of(database: TestDatabase, users: u32, batches: u32) -> Self {
        let database = Arc::new(database.migrated().await);
        let ledger = Self::on(database.clone()).await;
        let all: Vec<_> = (0..users)
            .flat_map(|user| (0..batches).map(move |n| fund(user, n)))
            .collect();
        for some in all.chunks(1_000) {
            let committed = ledger.store.commit_group(some, &ledger.rules, chrono::Utc::now());
            committed.await.expect("funds");
        }
        ledger.store.close().await.expect("closed");
        Self::open(database).await
    }

    /// A ledger that is there already, as every measurement finds it: its tables are vacuumed and on disk, and the store
    /// has seen none of its wallets.
    pub async fn open(database: Arc<TestDatabase>) -> Self {
        if database.backend() == DbBackend::Postgres {
            // What autovacuum would have done meanwhile.
            database.execute("VACUUM (ANALYZE)").await;
            // So that writing this to disk is not measured. Not everybody may; then it is.
            let _ = database.connection().execute_unprepared("CHECKPOINT").await;
        }
        Self::on(database).await
    }

    async fn on(database: Arc<TestDatabase>) -> Self {
        let options = StoreOptions::default();
        let store = Store::connect(database.url(), &options);
        let mut rules = tests::ledger::rules();
        // Gifts are not to be cut down.
        rules.max_user_balance = 1_000_000_000_000_000;
        Self {
            store: store.await.expect("a store"),
            database,
            rules: Arc::new(rules),
        }
    }

    /// What queries are answered from.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::new(Catalog {
            rules: self.rules.clone(),
            packages: Vec::new(),
            free_users_may_buy: true,
        })
    }

    /// What it holds altogether.
    pub async fn totals(&self) -> Totals {
        let sum = async |column: &str, table: &str| {
            self.number(&format!(
                "SELECT CAST(COALESCE(SUM({column}), 0) AS bigint) FROM {table}"
            ))
            .await
        };
        Totals {
            // Without what belongs to another, as a package's bonus does.
            transactions: self
                .number("SELECT COUNT(*) FROM credits_transaction WHERE related_id IS NULL")
                .await,
            moved: sum("amount", "credits_transaction").await,
            balances: sum("balance", "credits_balance").await,
            remaining: sum("remaining", "credits_batch").await,
            allocated: sum("amount", "credits_allocation").await,
        }
    }

    /// How many transactions the wallets count: what is asked often while others write.
    pub async fn wallet_transactions(&self) -> i64 {
        self.number("SELECT CAST(COALESCE(SUM(transaction_count), 0) AS bigint) FROM credits_balance")
            .await
    }

    async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.store.backend(), sql);
        let row = self.database.connection().query_one_raw(statement).await;
        let row = row.expect("a query").expect("a row");
        row.try_get_by_index(0).expect("a number")
    }

    /// Expects that since then each command of the workload was applied exactly once, and that all sums agree. That none
    /// was applied twice is for the unique reference to see to; so as many as there are commands are each of them.
    pub async fn check(&self, before: Totals, workload: &Workload) {
        self.check_with(before, workload, 0).await;
    }

    /// The same with so many more commands that spend one credit each.
    pub async fn check_with(&self, before: Totals, workload: &Workload, more: usize) {
        let after = self.totals().await;
        let more = i64::try_from(more).expect("a number");
        let commands = i64::try_from(workload.commands()).expect("a number") + more;
        assert_eq!(
            after.transactions - before.transactions,
            commands,
            "applied commands"
        );
        let moved = after.moved - before.moved;
        let expected = workload.moved().map_or(moved, |moved| moved - more);
        assert_eq!(moved, expected, "credits moved");
        assert_eq!(after.balances - before.balances, moved, "balances");
        assert_eq!(after.remaining - before.remaining, moved, "what batches hold");
        assert_eq!(after.allocated - before.allocated, moved, "what was allocated");
    }
}

/// A purchase of a user.
fn fund(user: u32, n: u32) -> Command {
    let reference = format!("fund-{user}-{n}");
    Command {
        origin: Origin::Funding,
        reference_id: reference.clone(),
        user_id: large::user(user),
        occurred_at: None,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action: Action::Purchase {
            item: Item::Credits {
                credits: FUNDS,
                validity_days: None,
            },
            purchase_id: reference,
            purchase_line: None,
            paid_micros: None,
            currency: None,
        },
    }
}
