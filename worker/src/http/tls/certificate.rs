//! A certificate with its key, checked and ready for connections.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::{
    Error, InconsistentKeys, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};
use x509_parser::{certificate::Validity, parse_x509_certificate, time::ASN1Time};

use super::{files::Contents, problem};
use crate::config::{HttpTls, Problem};

/// The protocol that clients may negotiate.
const PROTOCOL: &[u8] = b"http/1.1";

/// A certificate that connections can use, and the time in which it is valid.
pub struct Certificate {
    pub config: Arc<ServerConfig>,
    pub begin: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Certificate {
    /// Whether clients accept it at this time.
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        (self.begin..self.end).contains(&now)
    }

    /// Checks certificate and key. The result says which file has which problem.
    pub fn parse(files: &HttpTls, contents: &Contents) -> Result<Self, Vec<Problem>> {
        let chain = chain(&contents.certificate);
        let chain = chain.map_err(|what| problem(files, HttpTls::CERTIFICATE, &what));
        // The text of an error could repeat a line of the file.
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| {
            let what = "in which no private key without a password is found";
            problem(files, HttpTls::KEY, what)
        });
        let ((chain, validity), key) = match (chain, key) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => return Err([chain.err(), key.err()].into_iter().flatten().collect()),
        };
        let config = config(chain, key).map_err(|error| vec![unusable(files, &error)])?;
        Ok(Self {
            config: Arc::new(config),
            begin: instant(validity.not_before),
            end: instant(validity.not_after),
        })
    }
}

/// The certificates of a file, and the validity of the first one, which is that of the server. The
/// error is a phrase that follows the path.
fn chain(pem: &[u8]) -> Result<(Vec<CertificateDer<'static>>, Validity), String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    // The text of this error could repeat the file, which may be a key by mistake.
    let chain = chain.map_err(|_| "which is not a PEM file of certificates".to_owned())?;
    let Some(own) = chain.first() else {
        return Err("in which no certificate is found".to_owned());
    };
    let (_, parsed) = parse_x509_certificate(own)
        .map_err(|error| format!("whose first certificate cannot be read ({error})"))?;
    let validity = parsed.validity().clone();
    Ok((chain, validity))
}

/// The settings of connections. The versions are 1.2 and 1.3.
fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let key = provider.key_provider.load_private_key(key)?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match()?;
    let builder = ServerConfig::builder_with_provider(provider);
    let mut config = builder
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

fn unusable(files: &HttpTls, error: &Error) -> Problem {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let certificate = files.certificate.display();
            let what = format!("which is not the key of the certificate in \"{certificate}\"");
            problem(files, HttpTls::KEY, &what)
        }
        Error::InvalidCertificate(_) => {
            let what = format!("whose certificate cannot be used ({error})");
            problem(files, HttpTls::CERTIFICATE, &what)
        }
        error => {
            let what = format!("whose key cannot be used ({error})");
            problem(files, HttpTls::KEY, &what)
        }
    }
}

/// A time that is too far away counts as the end of the calendar.
fn instant(time: ASN1Time) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
