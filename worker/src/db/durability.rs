//! Checks whether the settings of the server put acknowledged commands at risk.
//!
//! Sessions of the group commit set their own durability settings. This module checks the settings
//! that a session cannot change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use strum::{IntoStaticStr, VariantArray};
use tokio::time::{Duration, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Database, StoreError, session::SETTINGS};

/// Interval at which the settings of the server, the database and the role are read.
const EVERY: Duration = Duration::from_secs(5);

/// A setting of the server that can lose acknowledged commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Risk {
    /// `fsync = off`: a crash of the machine loses commands or breaks the database.
    FsyncOff,
    /// `full_page_writes = off`: a crash of the machine can break the database.
    FullPageWritesOff,
    /// Standbys are attached, but no commit waits for one: a failover loses commands.
    StandbyAsynchronous,
    /// Commits wait for a standby, but none is attached: commits block until one is.
    StandbyMissing,
}

impl Risk {
    /// The name in the log, in `/readyz` and in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    const fn consequence(self) -> &'static str {
        match self {
            Self::FsyncOff => "a crash of the database's machine loses acknowledged commands",
            Self::FullPageWritesOff => "a crash of the database's machine can break the database",
            Self::StandbyAsynchronous => {
                "a failover loses acknowledged commands: synchronous_standby_names is empty"
            }
            Self::StandbyMissing => {
                "commits wait: synchronous_standby_names is set and no synchronous standby is \
                 attached"
            }
        }
    }
}

/// The risks found by the last check. `None` before the first check.
#[derive(Clone, Debug, Default)]
pub(super) struct Durability(Arc<Mutex<Option<Vec<Risk>>>>);

impl Durability {
    fn risks(&self) -> MutexGuard<'_, Option<Vec<Risk>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the current risks and logs the changes.
    fn note(&self, now: &[Risk]) {
        let before = self.risks().replace(now.to_vec()).unwrap_or_default();
        for risk in now.iter().filter(|risk| !before.contains(risk)) {
            let (risk, consequence) = (risk.as_str(), risk.consequence());
            warn!(
                risk,
                consequence, "the database may lose acknowledged commands"
            );
        }
        for risk in before.iter().filter(|risk| !now.contains(risk)) {
            info!(risk = risk.as_str(), "durability risk resolved");
        }
    }
}

/// Reads the settings and counts the standbys. Only a role that may read all statistics sees
/// `sync_state`. Backups and logical subscribers are not standbys.
const ROW: &str = "\
SELECT {settings} AS settings, current_setting('fsync') = 'on' AS fsync,
  current_setting('full_page_writes') = 'on' AS full_page_writes,
  current_setting('synchronous_standby_names') <> '' AS waits_for_standby,
  count(standby.pid) AS standbys, count(standby.sync_state) AS known,
  count(standby.pid) FILTER (WHERE standby.sync_state IN ('sync', 'quorum')) AS synchronous
FROM (SELECT) AS one LEFT JOIN pg_catalog.pg_stat_replication AS standby
  ON standby.application_name NOT IN ('pg_basebackup', 'pg_receivewal')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS slot
    WHERE slot.active_pid = standby.pid AND slot.slot_type = 'logical')";

fn risks(row: &QueryResult) -> Result<Vec<Risk>, DbErr> {
    let is = |column: &str| row.try_get_by::<bool, _>(column);
    let count = |column: &str| row.try_get_by::<i64, _>(column);
    let standbys = count("standbys")?;
    let waits = is("waits_for_standby")?;
    let is_missing = standbys == 0 || (count("known")? > 0 && count("synchronous")? == 0);
    let found = [
        (Risk::FsyncOff, !is("fsync")?),
        (Risk::FullPageWritesOff, !is("full_page_writes")?),
        (Risk::StandbyAsynchronous, standbys > 0 && !waits),
        (Risk::StandbyMissing, waits && is_missing),
    ];
    let found = found.into_iter().filter(|(_, is_there)| *is_there);
    Ok(found.map(|(risk, _)| risk).collect())
}

impl Database {
    /// The risks found by the last check. `None` on SQLite and before the first check.
    pub fn durability_risks(&self) -> Option<Vec<Risk>> {
        self.durability.risks().clone()
    }

    /// Reads the settings of the server, the database and the role. Logs changed risks, and
    /// replaces the sessions that were opened with other settings.
    pub async fn check_settings(&self) -> Result<(), StoreError> {
        let doing = "read the database's settings";
        if self.backend() == DbBackend::Sqlite {
            return Ok(());
        }
        let statement = Statement::from_string(self.backend(), ROW.replace("{settings}", SETTINGS));
        let row = self
            .timeout
            .wait(doing, self.read.query_one_raw(statement))
            .await?;
        let failed = StoreError::database(doing);
        let row = row.ok_or_else(|| failed(DbErr::RecordNotFound("one row".to_owned())))?;
        let failed = || StoreError::database(doing);
        if self
            .sessions
            .note_settings(row.try_get_by("settings").map_err(failed())?)
        {
            info!("database settings changed, opening new sessions");
        }
        self.durability.note(&risks(&row).map_err(failed())?);
        Ok(())
    }

    /// Runs [`Self::check_settings`] at regular intervals until `stop` is cancelled.
    pub async fn watch_settings(self, stop: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                checked = self.check_settings() => if let Err(error) = checked {
                    debug!(%error, "reading the database settings failed");
                }
            }
        }
    }
}
