//! Two stores on one PostgreSQL database, with breakpoints that stop one of them at a statement.
//!
//! The program is not changed for this. The test's database has triggers
//! ([fixture.sql](fixture.sql)) that wait for an advisory lock which the test holds, and the test's
//! own connections lock rows and tables. A query to the server shows whether a store has reached a
//! breakpoint: its session's statement, and the session that it waits for.

use std::time::{Duration, Instant};

use scrip::{db::StoreOptions, store::Store};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, TransactionTrait, Value};
use testkit::{db::TestDatabase, ledger::TestLedger, proxy::Proxy};

use super::session::{Held, Running, Writer};

/// The time limit for a session to reach a breakpoint.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The interval at which the server is polled. The server has no event for this.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// The length of the prefix that identifies a statement. The server reports only the beginning of a
/// statement.
const QUERY_PREFIX: usize = 60;

/// A ledger on PostgreSQL whose writers can be stopped.
pub struct Fixture {
    /// The ledger. Its own store has no breakpoints.
    pub ledger: TestLedger,
}

impl Fixture {
    pub async fn new() -> Self {
        let ledger = TestLedger::administered(TestDatabase::postgres().await).await;
        ledger.database.execute(include_str!("fixture.sql")).await;
        Self { ledger }
    }

    /// A store with one connection. Breakpoints use its name, `first` or `second`.
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

    /// A store behind a relay that can be cut.
    pub async fn writer_behind_a_relay(&self, name: &str) -> (Proxy, Writer) {
        let url = self.ledger.database.url();
        let server = url
            .split('@')
            .next_back()
            .and_then(|rest| rest.split('/').next());
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

    /// Sets a breakpoint. A session that reaches it waits until it is released.
    pub async fn block_at(&self, breakpoint: &str) -> Held {
        self.hold(&format!(
            "SELECT pg_advisory_xact_lock(hashtext('{breakpoint}'))"
        ))
        .await
    }

    /// Runs a statement in a transaction that stays open, so that its locks are held.
    pub async fn hold(&self, sql: &str) -> Held {
        let transaction = self
            .ledger
            .database
            .connection()
            .begin()
            .await
            .expect("begins");
        let row = one(&transaction, "SELECT pg_backend_pid()", []).await;
        let held = Held {
            pid: row.try_get_by_index(0).expect("a process id"),
            transaction,
        };
        held.execute(sql).await;
        held
    }

    /// Injects a statement: a session that passes the breakpoint runs it in its own transaction.
    pub async fn inject(&self, breakpoint: &str, statement: &str) {
        let sql = format!(
            "INSERT INTO test_injection \
             VALUES ('{breakpoint}', $injection${statement}$injection$)"
        );
        self.ledger.database.execute(&sql).await;
    }

    /// Injects an error with this SQLSTATE at a breakpoint.
    pub async fn error(&self, breakpoint: &str, code: &str) {
        let raise =
            format!("DO $$ BEGIN RAISE EXCEPTION 'forced' USING ERRCODE = '{code}'; END $$");
        self.inject(breakpoint, &raise).await;
    }

    /// Removes all injected statements.
    pub async fn clear_injections(&self) {
        self.ledger
            .database
            .execute("DELETE FROM test_injection")
            .await;
    }

    /// Terminates a session, like an operator or a crash of the server's process.
    pub async fn terminate(&self, pid: i32) {
        let sql = "SELECT pg_terminate_backend($1)";
        let row = one(self.ledger.store.read_connection(), sql, [pid.into()]).await;
        assert!(
            row.try_get_by_index::<bool>(0).expect("an answer"),
            "no session {pid}"
        );
    }

    /// Waits until a session is in this statement and is blocked by the session `blocker`.
    pub async fn until_waits<T>(&self, session: &Running<T>, blocker: i32, statement: &str) {
        let prefix = &statement[..statement.len().min(QUERY_PREFIX)];
        let sql = "SELECT $2 = ANY(pg_blocking_pids(pid)) AND starts_with(query, $3), \
                   pg_blocking_pids(pid)::text, query FROM pg_stat_activity WHERE pid = $1";
        let began = Instant::now();
        loop {
            let values = [session.pid.into(), blocker.into(), prefix.into()];
            let row = one(self.ledger.store.read_connection(), sql, values).await;
            if row.try_get_by_index::<bool>(0).expect("an answer") {
                return;
            }
            let column = |nth| row.try_get_by_index::<String>(nth).expect("a text");
            assert!(
                began.elapsed() < TIMEOUT && !session.task.is_finished(),
                "{} ({}) does not wait for {blocker} in `{prefix}`; \
                 it waits for {}, in `{}`, and has ended: {}",
                session.name,
                session.pid,
                column(1),
                column(2),
                session.task.is_finished(),
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The number of times that a writer has decided a group and begun to write it.
    pub async fn tries(&self, writer: &str) -> i64 {
        let sql = format!(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM test_tries_{writer}"
        );
        self.ledger.number(&sql).await
    }
}

/// The first row of a query.
pub async fn one<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> QueryResult {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let row = db.query_one_raw(statement).await.expect("a query");
    row.unwrap_or_else(|| panic!("no row: {sql}"))
}
