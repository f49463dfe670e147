//! PostgreSQL sessions: the settings of each session, and when a session is replaced.
//!
//! A statement sets the settings after the connection is open. The startup parameter `options`
//! would not do: poolers refuse or ignore it.
//!
//! A session keeps the settings that its role and its database had when it was opened (`ALTER ROLE
//! … SET`, `ALTER DATABASE … SET`), even after they are changed back, and the pool keeps a
//! connection for half an hour. So a session is closed instead of reused if those settings have
//! changed since it was opened, or if it could not write.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection, Row};

use super::options::{Purpose, StoreOptions};

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

/// Tracks which sessions of a store may still be used.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Sessions that were opened earlier are closed. `None`: no session was replaced yet.
    replaced_at: Option<Instant>,
    /// Last value of [`SETTINGS`]. `None`: not read yet.
    settings: Option<i64>,
}

impl Sessions {
    /// Replaces every session that is open now. Each is closed when the pool would reuse it.
    pub fn replace(&self) {
        self.state().replaced_at = Some(Instant::now());
    }

    /// Stores the current value of [`SETTINGS`]. If it has changed, replaces the open sessions and
    /// returns `true`.
    pub fn note_settings(&self, settings: i64) -> bool {
        let mut state = self.state();
        let known = state.settings.replace(settings);
        let is_new = known.is_some_and(|known| known != settings);
        if is_new {
            state.replaced_at = Some(Instant::now());
        }
        is_new
    }

    /// Whether a session of this age may still be used.
    pub fn is_current(&self, age: Duration) -> bool {
        let replaced_at = self.state().replaced_at;
        replaced_at.is_none_or(|replaced_at| replaced_at.elapsed() >= age)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The statement that sets up a session.
pub(super) fn set_up_statement(purpose: Purpose, options: &StoreOptions) -> String {
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
    format!("SELECT {SETTINGS} AS settings, {}", set.join(", "))
}

/// Sets up a new session.
pub(super) async fn set_up(
    connection: &mut PgConnection,
    statement: Arc<str>,
    sessions: &Sessions,
) -> Result<(), sqlx::Error> {
    let row = sqlx::raw_sql(AssertSqlSafe(statement))
        .fetch_one(connection)
        .await?;
    sessions.note_settings(row.try_get("settings")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Duration = Duration::from_mins(1);

    #[test]
    fn a_session_is_replaced_after_the_settings_have_changed() {
        let sessions = Sessions::default();
        assert!(
            !sessions.note_settings(1),
            "the first settings are no change"
        );
        assert!(!sessions.note_settings(1));
        assert!(sessions.is_current(OLD));
        assert!(sessions.note_settings(2));
        assert!(!sessions.is_current(OLD));
        assert!(
            sessions.is_current(Duration::ZERO),
            "it was opened after the change"
        );
    }
}
