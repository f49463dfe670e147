//! The ledger of a measurement, and the check that each command was applied exactly once.

use std::sync::Arc;

use ledger::{Action, Command, Item, Origin, Purchase, Rules};
use scrip::{catalog::Catalog, db::StoreOptions, store::Store};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use testkit::db::TestDatabase;

use crate::{large, workload::Workload};

/// The original number of credits in each batch.
const FUNDS: i64 = 1_000_000_000;

/// A ledger with its store.
pub struct Ledger {
    pub database: Arc<TestDatabase>,
    pub store: Store,
    pub rules: Arc<Rules>,
}

/// Totals over the whole ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    transactions: i64,
    moved: i64,
    balances: i64,
    remaining: i64,
    allocated: i64,
}

impl Totals {
    /// The number of transactions, without those that belong to another one.
    pub const fn transactions(&self) -> i64 {
        self.transactions
    }
}

impl Ledger {
    /// A new ledger in which each of `users` users has `batches` batches.
    pub async fn with_batches(database: TestDatabase, users: u32, batches: u32) -> Self {
        let database = Arc::new(database.migrated().await);
        let ledger = Self::on(database.clone()).await;
        let all: Vec<_> = (0..users)
            .flat_map(|user| (0..batches).map(move |n| fund(user, n)))
            .collect();
        for some in all.chunks(1_000) {
            let committed = ledger
                .store
                .commit_group(some, &ledger.rules, chrono::Utc::now());
            committed.await.expect("funds");
        }
        ledger.store.close().await.expect("closed");
        Self::open(database).await
    }

    /// Opens an existing ledger in the state in which every measurement starts: the tables are
    /// vacuumed and on disk, and the store has read no wallet.
    pub async fn open(database: Arc<TestDatabase>) -> Self {
        if database.backend() == DbBackend::Postgres {
            // The work that autovacuum would have done in the meantime.
            database.execute("VACUUM (ANALYZE)").await;
            // The checkpoint keeps these writes out of the measurement. Without the privilege for
            // it the measurement includes them.
            let _ = database.connection().execute_unprepared("CHECKPOINT").await;
        }
        Self::on(database).await
    }

    async fn on(database: Arc<TestDatabase>) -> Self {
        let options = StoreOptions::default();
        let store = Store::connect(database.url(), &options);
        let mut rules = testkit::ledger::rules();
        // No free grant may be clipped.
        rules.max_user_balance = 1_000_000_000_000_000;
        Self {
            store: store.await.expect("a store"),
            database,
            rules: Arc::new(rules),
        }
    }

    /// The catalog for queries.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::new(Catalog {
            rules: self.rules.clone(),
            packages: Vec::new(),
            free_users_may_buy: true,
        })
    }

    /// Computes the totals.
    pub async fn totals(&self) -> Totals {
        let sum = async |column: &str, table: &str| {
            self.number(&format!(
                "SELECT CAST(COALESCE(SUM({column}), 0) AS bigint) FROM {table}"
            ))
            .await
        };
        Totals {
            // Without transactions that belong to another one, such as the bonus of a package. A
            // capture belongs to its hold, and is a command all the same.
            transactions: self
                .number(
                    "SELECT COUNT(*) FROM credits_transaction \
                     WHERE related_id IS NULL OR type = 'capture'",
                )
                .await,
            moved: sum("amount", "credits_transaction").await,
            balances: sum("balance", "credits_balance").await,
            remaining: sum("remaining", "credits_batch").await,
            allocated: sum("amount", "credits_allocation").await,
        }
    }

    /// The number of transactions according to the wallets. This query is cheap enough to run often
    /// while a worker writes.
    pub async fn wallet_transactions(&self) -> i64 {
        self.number(
            "SELECT CAST(COALESCE(SUM(transaction_count), 0) AS bigint) FROM credits_balance",
        )
        .await
    }

    async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.store.backend(), sql);
        let row = self.database.connection().query_one_raw(statement).await;
        let row = row.expect("a query").expect("a row");
        row.try_get_by_index(0).expect("a number")
    }

    /// Panics unless, since `before`, each command of the workload was applied exactly once and all
    /// sums agree. The unique reference prevents that a command is applied twice. So if the number
    /// of transactions is right, each command was applied.
    pub async fn check(&self, before: Totals, workload: &Workload) {
        self.check_with(before, workload, 0).await;
    }

    /// Like [`Ledger::check`], with `more` additional commands that spend one credit each.
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
        assert_eq!(
            after.remaining - before.remaining,
            moved,
            "credits in batches"
        );
        assert_eq!(
            after.allocated - before.allocated,
            moved,
            "allocated credits"
        );
    }
}

/// The purchase of a user's `n`-th batch.
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
        action: Action::Purchase(Purchase {
            quantity: None,
            item: Item::Credits {
                credits: FUNDS,
                validity_days: None,
            },
            purchase_id: reference,
            purchase_line: None,
            paid_micros: None,
            currency: None,
        }),
    }
}
