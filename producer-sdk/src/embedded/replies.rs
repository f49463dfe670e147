//! The task that polls for replies while a request is open.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio::select;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::warn;

use super::file::{Purpose, Source};
use crate::error::Result;
use crate::options::Options;
use crate::pending::Pending;

const SELECT: &str =
    "SELECT id, correlation_id, body FROM queue_reply WHERE reply_to = ? ORDER BY id LIMIT 500";
const DELETE: &str = "DELETE FROM queue_reply WHERE reply_to = ? AND id <= ?";

const MIN_PAUSE: Duration = Duration::from_millis(2);
const MAX_PAUSE: Duration = Duration::from_millis(25);
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Polls for replies until it is dropped.
#[derive(Debug)]
pub(super) struct Replies {
    stop: Option<oneshot::Sender<oneshot::Sender<()>>>,
}

impl Replies {
    pub(super) async fn open(
        source: &Source,
        options: &Options,
        reply_to: String,
        pending: Arc<Pending>,
    ) -> Result<Self> {
        let file = source
            .open(Purpose::Reading, BUSY_TIMEOUT, options.connect_timeout)
            .await?;
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(run(file, reply_to, pending, stopped));
        Ok(Self { stop: Some(stop) })
    }

    pub(super) async fn close(&mut self) {
        let (done, finished) = oneshot::channel();
        if self.stop.take().is_some_and(|stop| stop.send(done).is_ok()) {
            let _ = finished.await;
        }
    }
}

async fn run(
    file: DatabaseConnection,
    reply_to: String,
    pending: Arc<Pending>,
    mut stopped: oneshot::Receiver<oneshot::Sender<()>>,
) {
    let mut pause = MIN_PAUSE;
    let mut failing = false;
    let done = loop {
        let due = async {
            pending.wait_for_request().await;
            sleep(pause).await;
        };
        select! {
            stop = &mut stopped => break stop.ok(),
            () = due => {}
        }
        let result = take(&file, &reply_to, &pending).await;
        pause = match result {
            Ok(count) if count > 0 => MIN_PAUSE,
            _ => MAX_PAUSE.min(pause * 3 / 2),
        };
        if let (Err(error), false) = (&result, failing) {
            warn!(%error, "reading replies failed, retrying");
        }
        failing = result.is_err();
    };
    // No other client reads these replies. The worker deletes those that arrive later.
    let _ = delete(&file, &reply_to, i64::MAX).await;
    let _ = file.close().await;
    if let Some(done) = done {
        let _ = done.send(());
    }
}

async fn take(
    file: &DatabaseConnection,
    reply_to: &str,
    pending: &Pending,
) -> Result<usize, DbErr> {
    let select = Statement::from_sql_and_values(DbBackend::Sqlite, SELECT, [reply_to.into()]);
    let rows = file.query_all_raw(select).await?;
    let mut last = None;
    for row in &rows {
        last = Some(row.try_get::<i64>("", "id")?);
        let correlation_id: Option<String> = row.try_get("", "correlation_id")?;
        pending.deliver(
            correlation_id.as_deref().unwrap_or_default(),
            row.try_get("", "body")?,
        );
    }
    if let Some(last) = last {
        delete(file, reply_to, last).await?;
    }
    Ok(rows.len())
}

async fn delete(file: &DatabaseConnection, reply_to: &str, last: i64) -> Result<(), DbErr> {
    let values = [reply_to.into(), last.into()];
    file.execute_raw(Statement::from_sql_and_values(
        DbBackend::Sqlite,
        DELETE,
        values,
    ))
    .await
    .map(drop)
}
