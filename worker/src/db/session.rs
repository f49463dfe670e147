//! PostgreSQL sessions: the settings of each session, and the check of its server.
//!
//! A statement sets the settings after the connection is open. The startup parameter `options`
//! would not do: poolers refuse or ignore it.

use std::sync::Arc;

use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use super::{
    guard::ServerGuard,
    options::{Purpose, StoreOptions},
    replaced::Sessions,
    server::{self, ServerState},
};

/// Settings of the sessions of the group commit.
///
/// Its statements must look up rows by index, even if the statistics of a new table suggest another
/// plan. A generic plan of nested index scans suits 1 row and 1,000 rows, and is made once per
/// connection.
const COMMIT: [(&str, &str); 7] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    // Between two statements of a group the worker only decides. A session that is idle longer
    // belongs to a suspended or disconnected worker. The server ends it, because it holds locks.
    ("idle_in_transaction_session_timeout", "10s"),
];

/// Settings of the sessions for reading.
///
/// A cached plan that was made while a table was small would stay in use until the server gathers
/// new statistics, and a busy server may do that late. A new plan costs a fraction of a
/// millisecond.
const READ: [(&str, &str); 1] = [("plan_cache_mode", "force_custom_plan")];

/// Settings of every session. With the last four the server detects that the machine of a worker
/// is gone.
const EVERY: [(&str, &str); 7] = [
    // Parameters are texts of arrays (`bulk.rs`), in which an unquoted NULL must be read as null.
    ("array_nulls", "on"),
    ("default_transaction_isolation", "read committed"),
    ("TimeZone", "UTC"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "60000"),
];

/// Makes a commit durable before it is acknowledged, even if role, database or server set another
/// value. Stricter values stay.
const DURABLE: &str = "set_config('synchronous_commit', CASE \
    WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on' \
    ELSE current_setting('synchronous_commit') END, false)";

/// A hash of the settings that a new session would get from its role and its database, and of
/// `synchronous_commit`, which the sessions of the group commit set themselves.
pub(super) const SETTINGS: &str = "\
hashtextextended(
  coalesce((
    SELECT string_agg(concat_ws(' ', setdatabase, setrole, setconfig), ' '
      ORDER BY setdatabase, setrole)
    FROM pg_catalog.pg_db_role_setting
    WHERE setdatabase IN (0,
        (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
      AND setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))), '')
  || (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit'), 0)";

/// Sets up new sessions, and refuses those on a server that must not be used.
#[derive(Clone, Debug)]
pub(super) struct SetUp {
    /// The statement that sets up a session and reads the identity of its server.
    statement: Arc<str>,
    /// The same statement for a server that does not tell its identity.
    without_identity: Arc<str>,
    sessions: Sessions,
    guard: ServerGuard,
}

impl SetUp {
    pub fn new(
        purpose: Purpose,
        options: &StoreOptions,
        sessions: &Sessions,
        guard: &ServerGuard,
    ) -> Self {
        let settings = settings(purpose, options);
        let statement = |columns| format!("SELECT {SETTINGS} AS settings, {columns}, {settings}");
        Self {
            statement: statement(server::COLUMNS).into(),
            without_identity: statement(server::COLUMNS_WITHOUT_IDENTITY).into(),
            sessions: sessions.clone(),
            guard: guard.clone(),
        }
    }

    /// Sets up a new session.
    pub async fn run(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let row = if self.guard.is_untold() {
            fetch(connection, &self.without_identity).await?
        } else {
            match fetch(connection, &self.statement).await {
                Err(error) if server::is_untold(&error) => {
                    self.guard.set_untold();
                    fetch(connection, &self.without_identity).await?
                }
                fetched => fetched?,
            }
        };
        let admitted = self
            .guard
            .admit("the server of a new connection", &ServerState::read(&row)?);
        match admitted {
            Ok(true) => self.guard.moved(),
            Ok(false) => {}
            Err(refused) => {
                self.guard.report_trouble();
                return Err(refused.into());
            }
        }
        self.sessions.note_settings(row.try_get("settings")?);
        Ok(())
    }
}

async fn fetch(connection: &mut PgConnection, statement: &Arc<str>) -> Result<PgRow, sqlx::Error> {
    let statement = AssertSqlSafe(statement.clone());
    sqlx::raw_sql(statement).fetch_one(connection).await
}

/// The calls that set up a session.
fn settings(purpose: Purpose, options: &StoreOptions) -> String {
    let timeout = options.statement_timeout.as_millis();
    let own: &[(&str, &str)] = match purpose {
        Purpose::Commit => &COMMIT,
        Purpose::Read => &READ,
    };
    let mut set: Vec<String> = EVERY
        .iter()
        .chain(own)
        .map(|(name, value)| format!("set_config('{name}', '{value}', false)"))
        .collect();
    set.push(format!(
        "set_config('statement_timeout', '{timeout}', false)"
    ));
    if purpose == Purpose::Commit {
        set.push(DURABLE.to_owned());
    }
    set.join(", ")
}
