//! The context of every command: its configuration, its output format, and access to the ledger.

use std::{
    fs::DirBuilder,
    mem,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::timeout;
use tracing::{debug, info};

use super::{
    failure::{Doing, Failure},
    references,
};
use crate::{
    config::{Backend, SecretUrl, Settings},
    db::{self, StoreOptions},
    store::Store,
};

/// How long to wait for connections in use when a file is closed. A connection that is in use for
/// longer ends with the process.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The context of every command.
#[derive(Clone, Debug)]
pub struct Context {
    pub settings: Settings,
    /// Whether the output is JSON.
    pub json: bool,
    /// SQLite ledgers that the command opened and that are closed at its end.
    pub files: Files,
}

/// The open SQLite files, each with its URL. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Vec<(SecretUrl, Store)>>>);

impl Files {
    fn add(&self, url: &SecretUrl, store: &Store) {
        if url.expose().starts_with("sqlite:") {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            files.push((url.clone(), store.clone()));
        }
    }

    /// Closes all files. Each file alone holds the whole ledger afterwards, unless other processes
    /// use a part of its write-ahead log for longer than `checkpoint_timeout`.
    pub async fn close(&self, checkpoint_timeout: Duration) {
        let files = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (url, store) in files {
            let closed = timeout(CLOSE_WITHIN, store.close()).await;
            let moved = db::checkpoint(url.expose(), checkpoint_timeout).await;
            // A failure loses nothing: the next process that opens the file reads the log.
            debug!(file = %url, ?closed, ?moved, "ledger file closed");
        }
    }
}

impl Context {
    /// The URL of the queue that commands are published to. Creates the embedded file if it is
    /// missing.
    pub async fn queue_url(&self) -> Result<SecretUrl, Failure> {
        let url = self.settings.queue_url()?;
        if let Ok(Backend::Embedded { path }) = self.settings.backend() {
            self.open_embedded(&path, &url).await?;
        }
        Ok(url)
    }

    /// Opens the ledger and ensures that its schema is current. An embedded file of an older
    /// version is migrated. A missing embedded file is an error: otherwise a mistyped folder would
    /// look like an empty ledger.
    pub async fn ledger(&self) -> Result<Store, Failure> {
        if let Ok(Backend::Embedded { path }) = self.settings.backend() {
            producer_sdk::refuse_foreign_links(&path)?;
            if !path.exists() {
                return Err(
                    Failure::new(format!("there is no ledger at {}", path.display())).with_advice(
                        "start a worker (`scrip run`), or correct `SCRIP_DATA_DIR` (`data_dir`), \
                         or set `AMQP_URL` and `DATABASE_URL` to use servers",
                    ),
                );
            }
            let url = self.settings.ledger_url()?;
            return self.open_embedded(&path, &url).await;
        }
        let store = self.database().await?;
        require_schema(&store).await?;
        Ok(store)
    }

    /// Opens the ledger and creates or migrates its schema, also on PostgreSQL.
    pub async fn migrated_ledger(&self) -> Result<Store, Failure> {
        let store = self.database().await?;
        store.require_utf8().await.doing("create the schema")?;
        migration::up(store.connection())
            .await
            .doing("create the schema")?;
        references::set(&self.settings, &store).await?;
        Ok(store)
    }

    /// Opens the database and does not check its schema.
    pub async fn database(&self) -> Result<Store, Failure> {
        self.database_with(&self.settings.database.options()).await
    }

    /// Opens the database with the connection pools of a worker, and does not check its schema.
    pub async fn workers_database(&self) -> Result<Store, Failure> {
        let options = self.settings.database.options();
        self.database_with(&options.of_worker(self.settings.worker.shards))
            .await
    }

    async fn database_with(&self, options: &StoreOptions) -> Result<Store, Failure> {
        let url = self.settings.ledger_url()?;
        if let Ok(Backend::Embedded { path }) = self.settings.backend() {
            make_folder(&path)?;
        }
        let store = Store::connect(url.expose(), options)
            .await
            .doing(format!("open the ledger at {url}"))?;
        self.files.add(&url, &store);
        Ok(store)
    }

    /// Opens an embedded file. Creates the folder and the file if they are missing, and migrates
    /// the schema.
    pub async fn open_embedded(&self, path: &Path, url: &SecretUrl) -> Result<Store, Failure> {
        make_folder(path)?;
        let store = Store::connect(url.expose(), &self.settings.database.options())
            .await
            .doing(format!("open {}", path.display()))?;
        self.files.add(url, &store);
        if !migration::is_current(store.connection()).await? {
            info!(file = %path.display(), "migrating the schema");
            migration::up(store.connection())
                .await
                .doing(format!("migrate the schema in {}", path.display()))?;
        }
        Ok(store)
    }
}

/// Fails if the schema of the database is missing or older than this program.
pub async fn require_schema(store: &Store) -> Result<(), Failure> {
    let steps = migration::status(store.connection())
        .await
        .doing("read the schema version")?;
    let missing: Vec<&str> = steps
        .iter()
        .filter(|step| !step.applied)
        .map(|step| step.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let found = if missing.len() == steps.len() {
        "the database has no Scrip schema".to_owned()
    } else {
        format!(
            "the schema of the database is older than this program; missing migrations: {}",
            missing.join(", ")
        )
    };
    Err(Failure::new(found)
        .with_advice("run `scrip migrate up`, or start the worker with `scrip run --migrate`"))
}

/// Creates the folder of an embedded file with mode 700, so that other users of the machine cannot
/// read the ledger.
fn make_folder(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .doing(format!("create the folder {}", folder.display()))
}
