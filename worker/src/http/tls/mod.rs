//! TLS of the HTTP server, in the versions 1.2 and 1.3. Clients are known by their tokens, so they
//! need no certificate.
//!
//! | file | content |
//! |---|---|
//! | `files` | reads the files of certificate and key |
//! | `certificate` | checks them, and prepares them for connections |
//! | `renewal` | uses renewed files without a restart |
//! | `warnings` | what is allowed but unsafe |
//! | `counters` | what metrics report |

mod certificate;
pub mod counters;
mod files;
mod renewal;
mod warnings;

use std::{pin::pin, sync::Arc, time::Duration};

use chrono::Utc;
use rustls::ServerConfig;
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::debug;

use crate::config::{ConfigError, HttpTls, Origin, Problem, Settings};
use certificate::Certificate;
use counters::{Handshake, TlsCounters};
pub use warnings::TlsWarning;
use warnings::{log, tls_warnings};

/// The certificate in use. Clones share it.
#[derive(Clone)]
pub struct Tls {
    in_use: watch::Receiver<Arc<ServerConfig>>,
    counters: TlsCounters,
}

impl Tls {
    /// Reads certificate and key, and uses renewed files until the last clone is dropped. `None` if
    /// TLS is not configured.
    pub fn start(settings: &Settings, counters: TlsCounters) -> Result<Option<Self>, ConfigError> {
        let Some(files) = settings.http.tls.clone() else {
            return Ok(None);
        };
        let contents = files::read(&files).map_err(|problems| config_error(settings, problems))?;
        let certificate = Certificate::parse(&files, &contents);
        let certificate = certificate.map_err(|problems| config_error(settings, problems))?;
        log(&tls_warnings(&files, &certificate, Utc::now()));
        counters.uses_until(certificate.end);
        let poll = renewal::Poll::new(contents, &certificate);
        let (sender, in_use) = watch::channel(certificate.config);
        tokio::spawn(renewal::run(files, poll, sender, counters.clone()));
        Ok(Some(Self { in_use, counters }))
    }

    /// Performs the handshake of a connection. `None` if it fails or takes longer than `within`.
    pub async fn accept(
        &self,
        stream: TcpStream,
        within: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(self.in_use.borrow().clone());
        // Pinned here, so that a connection is counted before it is closed.
        let handshake = pin!(timeout(within, acceptor.accept(stream)));
        let (result, stream) = match handshake.await {
            Ok(Ok(stream)) => (Handshake::Completed, Some(stream)),
            Ok(Err(error)) => {
                // A client that does not trust the certificate, or does not speak TLS.
                debug!(%error, "TLS handshake failed");
                (Handshake::Failed, None)
            }
            Err(_) => (Handshake::TimedOut, None),
        };
        self.counters.count(result);
        stream
    }
}

/// Checks the files that the configuration names. Returns what is allowed but unsafe.
pub fn check(settings: &Settings) -> Result<Vec<TlsWarning>, ConfigError> {
    let Some(files) = &settings.http.tls else {
        return Ok(Vec::new());
    };
    let contents = files::read(files).map_err(|problems| config_error(settings, problems))?;
    let certificate = Certificate::parse(files, &contents);
    let certificate = certificate.map_err(|problems| config_error(settings, problems))?;
    Ok(tls_warnings(files, &certificate, Utc::now()))
}

/// The error of a configuration with these problems of its files.
fn config_error(settings: &Settings, problems: Vec<Problem>) -> ConfigError {
    let with_variable = |problem: Problem| {
        let origin = settings.origins.get(&problem.key);
        let variable = origin.and_then(|origin| match origin {
            Origin::Environment(variable) => Some(variable.clone()),
            Origin::File => None,
        });
        Problem {
            variable,
            ..problem
        }
    };
    ConfigError::Wrong(problems.into_iter().map(with_variable).collect())
}

/// A problem with the file at the path that `key` sets.
fn problem(files: &HttpTls, key: &str, what: &str) -> Problem {
    let (path, allowed) = if key == HttpTls::KEY {
        let allowed = "the path of a PEM file with the private key of the certificate, in the \
                       form PKCS #8, PKCS #1 or SEC 1 and without a password: RSA from 2048 bits, \
                       ECDSA P-256 or P-384, or Ed25519";
        (&files.key, allowed)
    } else {
        let allowed = "the path of a PEM file with the certificate of the server, followed by \
                       those of its issuers";
        (&files.certificate, allowed)
    };
    Problem {
        key: key.to_owned(),
        variable: None,
        found: format!("\"{}\", {what}", path.display()),
        allowed: allowed.to_owned(),
    }
}
