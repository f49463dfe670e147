//! Whether the server keeps what it has acknowledged, as far as it tells.
//!
//! Sessions of the group commit ask for durability themselves; here are the settings that a session
//! cannot change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use tokio::time::{Duration, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Store, StoreError, session::SETTINGS};

/// How often the settings of the server, the database and the role are read.
const EVERY: Duration = Duration::from_secs(5);

/// A setting of the server by which acknowledged commands can be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// `fsync = off`: lost, or the database broken, when the machine crashes.
    FsyncOff,
    /// `full_page_writes = off`: the database broken when the machine crashes.
    FullPageWritesOff,
    /// Standbys are attached and no commit waits for one: lost by a failover.
    StandbyAsynchronous,
    /// Commits wait for a standby and none is attached: nothing is committed until there is one.
    StandbyMissing,
}

impl Risk {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::FsyncOff,
        Self::FullPageWritesOff,
        Self::StandbyAsynchronous,
        Self::StandbyMissing,
    ];

    /// The name in the log, in `/readyz` and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FsyncOff => "fsync_off",
            Self::FullPageWritesOff => "full_page_writes_off",
            Self::StandbyAsynchronous => "standby_asynchronous",
            Self::StandbyMissing => "standby_missing",
        }
    }

    const fn consequence(self) -> &'static str {
        match self {
            Self::FsyncOff => "a crash of the database's machine loses acknowledged commands",
            Self::FullPageWritesOff => "a crash of the database's machine can break the database",
            Self::StandbyAsynchronous => {
                "a failover loses acknowledged commands: synchronous_standby_names is empty"
            }
            Self::StandbyMissing => {
                "commits wait: synchronous_standby_names is set and no synchronous standby is attached"
            }
        }
    }
}

/// What is known of the server.
#[derive(Clone, Debug, Default)]
pub(super) struct Durability(Arc<Mutex<Option<Vec<Risk>>>>);

impl Durability {
    fn risks(&self) -> MutexGuard<'_, Option<Vec<Risk>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes which risks there are now; logs what has changed.
    fn note(&self, now: &[Risk]) {
        let before = self.risks().replace(now.to_vec()).unwrap_or_default();
        for risk in now.iter().filter(|risk| !before.contains(risk)) {
            let (risk, consequence) = (risk.as_str(), risk.consequence());
            warn!(risk, consequence, "the database may lose acknowledged commands");
        }
        for risk in before.iter().filter(|risk| !now.contains(risk)) {
            info!(risk = risk.as_str(), "a risk of losing commands is gone");
        }
    }
}

/// Only a role that may read all statistics sees `sync_state`. Backups and logical subscribers are
/// no standbys.
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

impl Store {
    /// The risks of losing what was acknowledged; `None` on SQLite, and until they were looked at.
    pub fn durability_risks(&self) -> Option<Vec<Risk>> {
        self.durability.risks().clone()
    }

    /// Reads the settings of the server, the database and the role. Logs new risks, and replaces
    /// the sessions that were opened under other settings.
    pub async fn check_settings(&self) -> Result<(), StoreError> {
        let doing = "read the database's settings";
        if self.backend() == DbBackend::Sqlite {
            return Ok(());
        }
        let statement = Statement::from_string(self.backend(), ROW.replace("{settings}", SETTINGS));
        let row = self
            .patience
            .wait(doing, self.read.query_one_raw(statement))
            .await?;
        let failed = StoreError::database(doing);
        let row = row.ok_or_else(|| failed(DbErr::RecordNotFound("one row".to_owned())))?;
        let failed = || StoreError::database(doing);
        if self
            .sessions
            .note_settings(row.try_get_by("settings").map_err(failed())?)
        {
            info!("the settings of the database or its role have changed; opening new sessions");
        }
        self.durability.note(&risks(&row).map_err(failed())?);
        Ok(())
    }

    /// The same again and again, until `stop`.
    pub async fn watch_settings(self, stop: CancellationToken) {
        let mut turns = interval(EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = turns.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                checked = self.check_settings() => if let Err(error) = checked {
                    debug!(%error, "the settings of the database could not be read");
                }
            }
        }
    }
}
