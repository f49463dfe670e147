//! Sessions on PostgreSQL: the settings that each one is opened with, and when it is replaced.
//!
//! The settings are set by a statement after connecting and not by the startup parameter `options`,
//! which poolers refuse or ignore.
//!
//! A session keeps the settings that its role and its database had when it was opened (`ALTER ROLE
//! … SET`, `ALTER DATABASE … SET`), even after they are changed back, and the pool keeps a
//! connection for half an hour. So a session is closed instead of used again when those settings
//! have changed since it was opened, and when it could not write.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection, Row};

use super::{StoreOptions, connect::Purpose};

/// Settings of the group commit's sessions. Its statements look up rows by index whatever the
/// statistics of a young table say: a generic plan of nested index scans is right for 1 and for
/// 1,000 rows, and is made once a connection.
const COMMIT: [(&str, &str); 7] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    // Between two statements of a group lies only deciding, so a session that waits for longer
    // belongs to a worker that is suspended or cut off: the server ends it, because it holds locks.
    ("idle_in_transaction_session_timeout", "10s"),
];

/// Settings of the sessions for reading. A plan that was made while a table was small would be kept
/// until its statistics are gathered anew, which a busy server may be late with; planning costs a
/// fraction of a millisecond.
const READ: [(&str, &str); 1] = [("plan_cache_mode", "force_custom_plan")];

/// Settings of every session. The last four are how a server notices that a worker's machine is
/// gone.
const EVERY: [(&str, &str); 6] = [
    ("default_transaction_isolation", "read committed"),
    ("TimeZone", "UTC"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "60000"),
];

/// A commit is durable when it is acknowledged, also where role, database or server say otherwise.
/// Stricter values stay.
const DURABLE: &str = "set_config('synchronous_commit', CASE \
    WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on' \
    ELSE current_setting('synchronous_commit') END, false)";

/// A hash of what a new session would get from its role and its database, and of
/// `synchronous_commit`, which the sessions of the group commit set themselves.
pub(super) const SETTINGS: &str = "\
hashtextextended(
  coalesce((SELECT string_agg(concat_ws(' ', setdatabase, setrole, setconfig), ' ' ORDER BY setdatabase, setrole)
    FROM pg_catalog.pg_db_role_setting
    WHERE setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
      AND setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))), '')
  || (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit'), 0)";

/// Which sessions of a store may still be used.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Sessions that were opened before this are closed.
    replaced_at: Option<Instant>,
    /// [`SETTINGS`], as last read.
    settings: Option<i64>,
}

impl Sessions {
    /// Closes every session that is open now, each when it would be used next.
    pub fn replace(&self) {
        self.state().replaced_at = Some(Instant::now());
    }

    /// Notes what [`SETTINGS`] are now, and whether they are new. If so, the sessions that are open
    /// are replaced.
    pub fn note_settings(&self, settings: i64) -> bool {
        let mut state = self.state();
        let known = state.settings.replace(settings);
        let is_new = known.is_some_and(|known| known != settings);
        if is_new {
            state.replaced_at = Some(Instant::now());
        }
        is_new
    }

    /// Whether a session that was opened so long ago may be used.
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
    set.push(format!("set_config('statement_timeout', '{timeout}', false)"));
    if purpose == Purpose::Commit {
        set.push(DURABLE.to_owned());
    }
    format!("SELECT {SETTINGS} AS settings, {}", set.join(", "))
}

/// Sets up a session that was just opened.
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
    fn a_session_is_replaced_when_the_settings_have_changed_since_it_was_opened() {
        let sessions = Sessions::default();
        assert!(!sessions.note_settings(1), "the first ones are not new");
        assert!(!sessions.note_settings(1));
        assert!(sessions.is_current(OLD));
        assert!(sessions.note_settings(2));
        assert!(!sessions.is_current(OLD));
        assert!(sessions.is_current(Duration::ZERO), "it was opened afterwards");
    }
}
