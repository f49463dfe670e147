//! Servers or the embedded default: both URLs or none.

use std::{
    env,
    path::{self, Path, PathBuf},
};

use super::{SecretUrl, Settings};

const FILE: &str = "scrip.db";

/// Where commands come from and where the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A broker and a database.
    Servers {
        /// Where the broker is.
        amqp: SecretUrl,
        /// Where the database is.
        database: SecretUrl,
    },
    /// One SQLite file with the ledger and a queue.
    Embedded {
        /// The file.
        path: PathBuf,
    },
}

/// One URL without the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingUrl {
    /// A broker without a database.
    #[error(
        "AMQP_URL is set and DATABASE_URL is missing: set both for RabbitMQ and PostgreSQL, or neither for the embedded default"
    )]
    Database,
    /// A database without a broker.
    #[error(
        "DATABASE_URL is set and AMQP_URL is missing: set both for RabbitMQ and PostgreSQL, or neither for the embedded default"
    )]
    Amqp,
    /// Nobody has a data folder.
    #[error("there is no folder for the embedded default's file: set HOME, XDG_DATA_HOME or SCRIP_DATA_DIR")]
    Folder,
    /// The data folder's path is not UTF-8, or is relative to a working directory that is gone.
    #[error(
        "the folder {0:?} cannot hold the embedded default's file; allowed is a path in UTF-8, absolute or below an existing working directory (set SCRIP_DATA_DIR)"
    )]
    UnusableFolder(PathBuf),
}

impl Settings {
    /// What a worker runs on.
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

    /// Where the ledger is, for commands that need no broker.
    pub fn ledger_url(&self) -> Result<SecretUrl, MissingUrl> {
        match (&self.database.url, &self.amqp) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(_)) => Err(MissingUrl::Database),
            (None, None) => Ok(sqlite_url(&self.embedded_file()?)),
        }
    }

    /// Where commands are published, for commands that need no database.
    pub fn queue_url(&self) -> Result<SecretUrl, MissingUrl> {
        match (&self.amqp, &self.database.url) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(_)) => Err(MissingUrl::Amqp),
            (None, None) => Ok(sqlite_url(&self.embedded_file()?)),
        }
    }

    fn embedded_file(&self) -> Result<PathBuf, MissingUrl> {
        let folder = self.embedded_folder()?;
        // A relative path would be read as the host of a URL.
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

/// The URL of an SQLite file. What means something in a URL is escaped.
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
