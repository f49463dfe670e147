//! What every command is given, and the way to the ledger.

use std::{
    fs::DirBuilder,
    mem,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use producer_sdk::contract::Topology;
use tokio::time::timeout;
use tracing::{debug, info};

use super::{
    failure::{Doing, Failure},
    references,
};
use crate::{
    config::{Backend, SecretUrl, Settings},
    store::{self, Store, StoreOptions},
};

/// A connection that is in use for longer than this is left to the end of the process.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What every command is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// The configuration.
    pub settings: Settings,
    /// Whether the output is for a program.
    pub json: bool,
    /// Ledgers in SQLite files that the command opened.
    pub files: Files,
}

/// SQLite files that are open, with their URLs. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Vec<(SecretUrl, Store)>>>);

impl Files {
    fn add(&self, url: &SecretUrl, store: &Store) {
        if url.expose().starts_with("sqlite:") {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            files.push((url.clone(), store.clone()));
        }
    }

    /// Closes them all. Each file is the whole ledger afterwards, unless other processes keep a part of its write-ahead
    /// log in use for longer than `patience`.
    pub async fn close(&self, patience: Duration) {
        let files = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (url, store) in files {
            let closed = timeout(CLOSE_WITHIN, store.close()).await;
            let moved = store::checkpoint(url.expose(), patience).await;
            // Nothing is lost: the log is read by the next process that opens the file.
            debug!(file = %url, ?closed, ?moved, "closed a file");
        }
    }
}

impl Context {
    /// The names on the broker.
    pub fn topology(&self) -> Result<Topology, Failure> {
        Ok(Topology::new(
            self.settings.namespace.as_str(),
            self.settings.worker.shards,
        )?)
    }

    /// Where commands are published. The embedded file is made if it is missing.
    pub async fn queue_url(&self) -> Result<SecretUrl, Failure> {
        let url = self.settings.queue_url()?;
        if let Ok(Backend::Embedded { path }) = self.settings.backend() {
            self.open_embedded(&path, &url).await?;
        }
        Ok(url)
    }

    /// The ledger, with its schema as this program needs it. The embedded file makes it by itself.
    pub async fn ledger(&self) -> Result<Store, Failure> {
        if let Ok(Backend::Embedded { path }) = self.settings.backend() {
            let url = self.settings.ledger_url()?;
            return self.open_embedded(&path, &url).await;
        }
        let store = self.database().await?;
        require_schema(&store).await?;
        Ok(store)
    }

    /// The same, with the schema made whatever the database is.
    pub async fn ledger_made(&self) -> Result<Store, Failure> {
        let store = self.database().await?;
        store.require_utf8().await.doing("make the schema")?;
        migration::up(store.connection()).await.doing("make the schema")?;
        references::set(self, &store).await?;
        Ok(store)
    }

    /// The database, whatever schema it has.
    pub async fn database(&self) -> Result<Store, Failure> {
        self.database_with(&self.settings.database.options()).await
    }

    /// The same, with connections as a worker needs them.
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

    /// Opens an embedded file; makes folder, file and schema as they are missing.
    pub async fn open_embedded(&self, path: &Path, url: &SecretUrl) -> Result<Store, Failure> {
        make_folder(path)?;
        let store = Store::connect(url.expose(), &self.settings.database.options())
            .await
            .doing(format!("open {}", path.display()))?;
        self.files.add(url, &store);
        if !migration::is_current(store.connection()).await? {
            info!(file = %path.display(), "making the schema");
            migration::up(store.connection())
                .await
                .doing(format!("make the schema in {}", path.display()))?;
        }
        Ok(store)
    }
}

/// Fails when the database's schema is older than this program.
pub async fn require_schema(store: &Store) -> Result<(), Failure> {
    let current = migration::is_current(store.connection())
        .await
        .doing("read the schema's version")?;
    if current {
        return Ok(());
    }
    Err(Failure::new(
        "the database's schema is missing or older than this program: run `scrip migrate up`, or start the worker with `scrip run --migrate`",
    ))
}

/// The ledger of one user is nobody else's business.
fn make_folder(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .doing(format!("make the folder {}", folder.display()))
}
