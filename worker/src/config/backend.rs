//! The backend of a worker: a broker and a database if both URLs are set, the embedded default if
//! neither is.

use std::{
    env,
    path::{self, Path, PathBuf},
};

use super::{SecretUrl, Settings};

const FILE: &str = "scrip.db";

/// The source of commands and the location of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A broker and a database.
    Servers {
        amqp: SecretUrl,
        database: SecretUrl,
    },
    /// One SQLite file with the ledger and a queue.
    Embedded { path: PathBuf },
}

/// Why the settings give no backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingUrl {
    /// A broker without a database.
    #[error(
        "AMQP_URL is set and DATABASE_URL is missing: set both for RabbitMQ and PostgreSQL, or \
         neither for the embedded default"
    )]
    Database,
    /// A database without a broker.
    #[error(
        "DATABASE_URL is set and AMQP_URL is missing: set both for RabbitMQ and PostgreSQL, or \
         neither for the embedded default"
    )]
    Amqp,
    /// No environment variable gives a data folder.
    #[error(
        "there is no folder for the embedded default's file: set HOME, XDG_DATA_HOME or \
         SCRIP_DATA_DIR"
    )]
    Folder,
    /// The path of the data folder is not UTF-8, or is relative to a working directory that no
    /// longer exists.
    #[error(
        "the folder {0:?} cannot hold the embedded default's file; allowed is a path in UTF-8, \
         absolute or below an existing working directory (set SCRIP_DATA_DIR)"
    )]
    UnusableFolder(PathBuf),
}

impl Settings {
    /// The backend of a worker.
    pub fn backend(&self) -> Result<Backend, MissingUrl> {
        match (&self.amqp, &self.database.url) {
            (Some(amqp), Some(database)) => Ok(Backend::Servers {
                amqp: amqp.clone(),
                database: database.clone(),
            }),
            (Some(_), None) => Err(MissingUrl::Database),
            (None, Some(_)) => Err(MissingUrl::Amqp),
            (None, None) => Ok(Backend::Embedded {
                path: self.embedded_file()?,
            }),
        }
    }

    /// The URL of the ledger, for commands that need no broker.
    pub fn ledger_url(&self) -> Result<SecretUrl, MissingUrl> {
        match (&self.database.url, &self.amqp) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(_)) => Err(MissingUrl::Database),
            (None, None) => Ok(sqlite_url(&self.embedded_file()?)),
        }
    }

    /// The URL of the queue, for commands that need no database.
    pub fn queue_url(&self) -> Result<SecretUrl, MissingUrl> {
        match (&self.amqp, &self.database.url) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(_)) => Err(MissingUrl::Amqp),
            (None, None) => Ok(sqlite_url(&self.embedded_file()?)),
        }
    }

    fn embedded_file(&self) -> Result<PathBuf, MissingUrl> {
        let folder = self.embedded_folder()?;
        // A relative path would be parsed as the host of the URL.
        match path::absolute(&folder) {
            Ok(absolute) if absolute.to_str().is_some() => Ok(absolute.join(FILE)),
            _ => Err(MissingUrl::UnusableFolder(folder)),
        }
    }

    fn embedded_folder(&self) -> Result<PathBuf, MissingUrl> {
        if let Some(folder) = &self.data_dir {
            return Ok(folder.clone());
        }
        let absolute = |name: &str| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .map(|data| data.join("scrip"))
            .ok_or(MissingUrl::Folder)
    }
}

/// The URL of an SQLite file. Characters with a meaning in a URL are escaped.
pub fn sqlite_url(path: &Path) -> SecretUrl {
    let mut url = "sqlite://".to_owned();
    for character in path.to_string_lossy().chars() {
        match character {
            '%' => url.push_str("%25"),
            '?' => url.push_str("%3F"),
            '#' => url.push_str("%23"),
            other => url.push(other),
        }
    }
    SecretUrl::new(url)
}
