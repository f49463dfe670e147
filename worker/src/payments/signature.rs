//! The signatures of webhooks: HMAC-SHA-256 over the bytes as received, before they are parsed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Secret;

/// Maximum of signatures in one header that are compared.
const MAX_SIGNATURES: usize = 16;

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is absent or cannot be read.
    #[error("the header is missing or malformed; it must be {0}")]
    Malformed(&'static str),
    /// The signature was made too long ago, or too far in the future.
    #[error("`t` is more than {} seconds away from the time of the server", .0.as_secs())]
    Stale(Duration),
    /// No secret made the signature.
    #[error("the signature was made with none of the configured secrets")]
    Wrong,
}

/// The header of a signature that may be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was signed before the body.
    begin: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Signed {
    /// Checks the body. Any of the signatures and any of the secrets may match.
    pub fn check(&self, body: &[u8], secrets: &[Secret]) -> Result<(), SignatureError> {
        if is_signed(&[&self.begin, body], &self.signatures, secrets) {
            Ok(())
        } else {
            Err(SignatureError::Wrong)
        }
    }
}

/// Reads the header `Stripe-Signature: t=…,v1=…[,v1=…]`, which is about `{t}.{body}`.
pub fn read_stripe(
    header: &str,
    tolerance: Duration,
    now: DateTime<Utc>,
) -> Result<Signed, SignatureError> {
    let malformed = SignatureError::Malformed("`t=SECONDS,v1=HEX`");
    let parts = header
        .split(',')
        .filter_map(|part| part.trim().split_once('='));
    let mut time = None;
    let mut signatures = Vec::new();
    for (name, value) in parts {
        match name {
            "t" if time.is_none() => time = Some(value),
            "v1" if signatures.len() < MAX_SIGNATURES => {
                signatures.extend(from_hex(value));
            }
            _ => {}
        }
    }
    let time = time.ok_or(malformed)?;
    let seconds: i64 = time.parse().map_err(|_| malformed)?;
    if signatures.is_empty() {
        return Err(malformed);
    }
    let age = now.timestamp().saturating_sub(seconds).unsigned_abs();
    if age > tolerance.as_secs() {
        return Err(SignatureError::Stale(tolerance));
    }
    let begin = [time.as_bytes(), b"."].concat();
    Ok(Signed { begin, signatures })
}

/// Reads the header `creem-signature: HEX`. It has no time, so that the ids of events must be
/// remembered.
pub fn read_creem(header: &str) -> Result<Signed, SignatureError> {
    let signature = from_hex(header.trim()).ok_or(SignatureError::Malformed("64 hex digits"))?;
    Ok(Signed {
        begin: Vec::new(),
        signatures: vec![signature],
    })
}

/// Whether a secret made one of the signatures. Compares in a time that does not depend on them.
fn is_signed(parts: &[&[u8]], signatures: &[Vec<u8>], secrets: &[Secret]) -> bool {
    secrets.iter().any(|secret| {
        let mac = mac(secret, parts);
        let mut signatures = signatures.iter();
        signatures.any(|signature| mac.clone().verify_slice(signature).is_ok())
    })
}

#[allow(clippy::expect_used, reason = "a key of HMAC may have any length")]
fn mac(secret: &Secret, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// The 32 bytes of 64 hex digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let pairs = digits.chunks_exact(2);
    Some(pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const NOW: i64 = 1_800_000_000;
    const TOLERANCE: Duration = Duration::from_mins(5);

    fn hex(secret: &Secret, parts: &[&[u8]]) -> String {
        let bytes = mac(secret, parts).finalize().into_bytes();
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn check(header: &str, body: &[u8], secrets: &[Secret]) -> Result<(), SignatureError> {
        let now = DateTime::from_timestamp(NOW, 0).expect("in range");
        read_stripe(header, TOLERANCE, now)?.check(body, secrets)
    }

    #[test]
    fn any_signature_of_any_secret_within_the_tolerance_is_accepted() {
        let (old, new) = (Secret::new("whsec_old"), Secret::new("whsec_new"));
        for at in [NOW - 300, NOW, NOW + 300] {
            let time = format!("{at}");
            let made = hex(&old, &[time.as_bytes(), b".", BODY]);
            let other = "0".repeat(64);
            let both = [new.clone(), old.clone()];
            for header in [
                format!("t={at},v1={made}"),
                format!("t={at},v1={other},v1={made},v0={other}"),
                format!("t={at},v1={made},v1={other}"),
            ] {
                assert_eq!(check(&header, BODY, &both), Ok(()), "{header}");
                assert_eq!(
                    check(&header, BODY, &both[..1]),
                    Err(SignatureError::Wrong),
                    "{header}"
                );
                assert_eq!(
                    check(&header, b"{\"id\": \"evt_1\"}", &both),
                    Err(SignatureError::Wrong)
                );
            }
        }
    }

    #[test]
    fn a_stale_or_malformed_header_is_refused() {
        let secrets = [Secret::new("whsec_old")];
        for at in [NOW - 301, NOW + 301] {
            let made = hex(&secrets[0], &[format!("{at}.").as_bytes(), BODY]);
            let header = format!("t={at},v1={made}");
            let stale = SignatureError::Stale(TOLERANCE);
            assert_eq!(check(&header, BODY, &secrets), Err(stale));
        }
        for header in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=zz"] {
            let refused = check(header, BODY, &secrets);
            assert!(
                matches!(refused, Err(SignatureError::Malformed(_))),
                "{header}"
            );
        }
    }

    #[test]
    fn a_signature_of_creem_is_hex_over_the_body() {
        let secrets = [
            Secret::new("creem_secret_one"),
            Secret::new("creem_secret_two"),
        ];
        let made = hex(&secrets[1], &[BODY]);
        let signed = read_creem(&made).expect("a signature");
        assert_eq!(signed.check(BODY, &secrets), Ok(()));
        assert_eq!(signed.check(b"{}", &secrets), Err(SignatureError::Wrong));
        let malformed = read_creem("x");
        assert!(matches!(malformed, Err(SignatureError::Malformed(_))));
    }
}
