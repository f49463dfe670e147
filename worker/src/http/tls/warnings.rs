//! Warnings about certificates and keys that are allowed but unsafe.

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::warn;

use super::{certificate::Certificate, files};
use crate::config::HttpTls;

/// A setting that is allowed but unsafe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsWarning {
    /// The key of the configuration.
    pub key: &'static str,
    /// The unsafe state, as a phrase that follows "is".
    pub found: String,
    /// What to do.
    pub advice: String,
}

/// The warnings at a time.
pub fn tls_warnings(
    files: &HttpTls,
    certificate: &Certificate,
    now: DateTime<Utc>,
) -> Vec<TlsWarning> {
    let path = files.certificate.display();
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let outside = |state: String, advice: &str| TlsWarning {
        key: HttpTls::CERTIFICATE,
        found: format!("\"{path}\", {state}, and clients refuse it"),
        advice: advice.to_owned(),
    };
    let mut found = Vec::new();
    if certificate.end <= now {
        let state = format!("which expired at {}", time(certificate.end));
        found.push(outside(state, "renew the certificate"));
    }
    if certificate.begin > now {
        let state = format!("which is valid from {}", time(certificate.begin));
        let advice = "use a certificate that is valid now, or set the clock of this machine";
        found.push(outside(state, advice));
    }
    if let Some(mode) = files::exposed(&files.key) {
        let path = files.key.display();
        found.push(TlsWarning {
            key: HttpTls::KEY,
            found: format!("\"{path}\", which other users may read or write (mode {mode:03o})"),
            advice: "remove the permissions of other users (chmod o= …)".to_owned(),
        });
    }
    found
}

/// Logs warnings.
pub fn log(warnings: &[TlsWarning]) {
    for TlsWarning { key, found, advice } in warnings {
        warn!(
            key,
            found, advice, "certificate or key of the HTTP server is unsafe"
        );
    }
}
