//! Two stores on one PostgreSQL database, and the means to stop one of them at a statement.
//!
//! Nothing in the program knows of it: the test's database has triggers ([stage.sql](stage.sql)) that wait for an
//! advisory lock while the test holds it, and the test's own connections hold rows and tables. That a store has come to
//! such a place is asked of the server: which statement its session is in, and whose session it waits for.

use std::time::{Duration, Instant};

use scrip::store::{Store, StoreOptions};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, TransactionTrait, Value};
use tests::{db::TestDatabase, ledger::TestLedger, proxy::Proxy};

use super::session::{Held, Running, Writer};

/// How long a session may take to get where it must be.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the server is asked; it has no event for this.
const LOOK: Duration = Duration::from_millis(2);
/// So much of a statement tells which one it is. The server keeps the beginning of it.
const TELLING: usize = 60;

/// A ledger on PostgreSQL whose writers can be stopped.
pub struct Stage {
    /// The ledger; its own store is not stopped anywhere.
    pub ledger: TestLedger,
}

impl Stage {
    pub async fn new() -> Self {
        let ledger = TestLedger::administered(TestDatabase::postgres().await).await;
        ledger.database.execute(include_str!("stage.sql")).await;
        Self { ledger }
    }

    /// A store with one connection and a name that places are called by: `first` or `second`.
    pub async fn writer(&self, name: &str) -> Writer {
        self.writer_with(name, self.ledger.database.url(), StoreOptions::default())
            .await
    }

    pub async fn writer_with(&self, name: &str, url: &str, options: StoreOptions) -> Writer {
        let options = StoreOptions {
            max_connections: 1,
            ..options
        };
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}options[interleaving.writer]={name}");
        Writer {
            name: name.to_owned(),
            store: Store::connect(&url, &options).await.expect("a store"),
            rules: self.ledger.rules.clone(),
            now: self.ledger.now,
        }
    }

    /// A store whose way to the server can be cut.
    pub async fn writer_behind_a_relay(&self, name: &str) -> (Proxy, Writer) {
        let url = self.ledger.database.url();
        let server = url.split('@').next_back().and_then(|rest| rest.split('/').next());
        let server = server.expect("a host");
        let proxy = Proxy::before(server.to_owned()).await;
        let url = url.replace(server, proxy.address());
        let writer = self.writer_with(name, &url, StoreOptions::default()).await;
        (proxy, writer)
    }

    /// Both writers.
    pub async fn writers(&self) -> (Writer, Writer) {
        (self.writer("first").await, self.writer("second").await)
    }

    /// Closes a place: who comes there waits until it is let go.
    pub async fn close(&self, place: &str) -> Held {
        self.hold(&format!("SELECT pg_advisory_xact_lock(hashtext('{place}'))"))
            .await
    }

    /// Holds what a statement locks.
    pub async fn hold(&self, sql: &str) -> Held {
        let transaction = self.ledger.database.connection().begin().await.expect("begins");
        let row = one(&transaction, "SELECT pg_backend_pid()", []).await;
        let held = Held {
            pid: row.try_get_by_index(0).expect("a process id"),
            transaction,
        };
        held.execute(sql).await;
        held
    }

    /// Has whoever passes a place do something there, within his own transaction.
    pub async fn mischief(&self, place: &str, statement: &str) {
        let sql = format!("INSERT INTO stage_mischief VALUES ('{place}', $mischief${statement}$mischief$)");
        self.ledger.database.execute(&sql).await;
    }

    /// Has whoever passes a place fail there with this SQLSTATE.
    pub async fn error(&self, place: &str, code: &str) {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'forced' USING ERRCODE = '{code}'; END $$");
        self.mischief(place, &raise).await;
    }

    /// No more mischief.
    pub async fn mend(&self) {
        self.ledger.database.execute("DELETE FROM stage_mischief").await;
    }

    /// Ends a session as an operator, or a crash of the server's process, would.
    pub async fn terminate(&self, pid: i32) {
        let sql = "SELECT pg_terminate_backend($1)";
        let row = one(self.ledger.store.read_connection(), sql, [pid.into()]).await;
        assert!(
            row.try_get_by_index::<bool>(0).expect("an answer"),
            "no session {pid}"
        );
    }

    /// Waits until a session stands in a statement and waits for what another one holds.
    pub async fn until_waits<T>(&self, who: &Running<T>, whom: i32, statement: &str) {
        let telling = &statement[..statement.len().min(TELLING)];
        let sql = "SELECT $2 = ANY(pg_blocking_pids(pid)) AND starts_with(query, $3), pg_blocking_pids(pid)::text, query \
            FROM pg_stat_activity WHERE pid = $1";
        let began = Instant::now();
        loop {
            let values = [who.pid.into(), whom.into(), telling.into()];
            let row = one(self.ledger.store.read_connection(), sql, values).await;
            if row.try_get_by_index::<bool>(0).expect("an answer") {
                return;
            }
            let column = |nth| row.try_get_by_index::<String>(nth).expect("a text");
            assert!(
                began.elapsed() < PATIENCE && !who.task.is_finished(),
                "{} ({}) does not wait for {whom} in `{telling}`; it waits for {}, in `{}`, and has ended: {}",
                who.name,
                who.pid,
                column(1),
                column(2),
                who.task.is_finished(),
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How often a writer had decided a group and came to write it.
    pub async fn tries(&self, writer: &str) -> i64 {
        let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM stage_tries_{writer}");
        self.ledger.number(&sql).await
    }
}

/// The row that a query answers.
pub async fn one<const N: usize>(db: &impl ConnectionTrait, sql: &str, values: [Value; N]) -> QueryResult {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let row = db.query_one_raw(statement).await.expect("a query");
    row.unwrap_or_else(|| panic!("no row: {sql}"))
}
