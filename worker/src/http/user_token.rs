//! User tokens: JSON Web Tokens that let a browser read what belongs to one user.
//!
//! A token is signed with HMAC-SHA-256 and the secret of the configuration. The server accepts this
//! algorithm only, and only tokens whose audience is `scrip` and which end within
//! [`MAX_VALIDITY`].

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::config::Secret;

/// The longest time from now to the end of a token.
const MAX_VALIDITY: Duration = Duration::from_hours(24);
/// Maximum length of a token, in bytes: a user id has at most 200.
const MAX_BYTES: usize = 2048;
const AUDIENCE: &str = "scrip";
const ALGORITHM: &str = "HS256";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    /// The user.
    sub: String,
    aud: String,
    /// The end, in seconds since 1970.
    exp: i64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    /// Extensions that a reader must understand. This one understands none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crit: Option<serde_json::Value>,
}

/// A token for a user that ends at an instant.
pub fn sign(secret: &Secret, user_id: &str, until: DateTime<Utc>) -> String {
    let header = Header {
        alg: ALGORITHM.to_owned(),
        typ: Some("JWT".to_owned()),
        crit: None,
    };
    let claims = Claims {
        sub: user_id.to_owned(),
        aud: AUDIENCE.to_owned(),
        exp: until.timestamp(),
    };
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = mac(secret, signed.as_bytes()).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The user of a token. `None` if the token is not valid at `now`.
pub fn verify(secret: &Secret, token: &str, now: DateTime<Utc>) -> Option<String> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    // Compares in a time that does not depend on the signature.
    mac(secret, signed.as_bytes())
        .verify_slice(&signature)
        .ok()?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = read(header)?;
    let claims: Claims = read(claims)?;
    let longest = i64::try_from(MAX_VALIDITY.as_secs()).ok()?;
    let left = claims.exp.checked_sub(now.timestamp())?;
    let is_valid = header.alg == ALGORITHM
        && header.crit.is_none()
        && claims.aud == AUDIENCE
        && (1..=longest).contains(&left);
    is_valid.then_some(claims.sub)
}

fn part(value: &impl Serialize) -> String {
    // Serialising structs of texts and numbers cannot fail.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default())
}

fn read<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[allow(clippy::expect_used, reason = "a key of HMAC may have any length")]
fn mac(secret: &Secret, signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(signed);
    mac
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("in range")
    }

    fn secret() -> Secret {
        Secret::new("0123456789abcdef0123456789abcdef")
    }

    fn signed(header: &str, claims: &str) -> String {
        let (header, claims) = (
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims),
        );
        let text = format!("{header}.{claims}");
        let signature = mac(&secret(), text.as_bytes()).finalize().into_bytes();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token that another program made: Python's `hmac` and `base64`.
    #[test]
    fn a_token_of_another_program_is_read() {
        let token = concat!(
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJhdWQiOiJzY3JpcCIsImV4cCI",
            "6MTgwMDAwMDkwMH0.K3GjRHKA-fvlzwRNffLN6Wnzw0DNU3lePpVx8tTb51k"
        );
        assert_eq!(verify(&secret(), token, now()).as_deref(), Some("ada"));
    }

    #[test]
    fn a_token_is_valid_until_its_end_and_not_longer_than_a_day() {
        let until = now() + TimeDelta::minutes(15);
        let token = sign(&secret(), "ada/ü", until);
        assert_eq!(verify(&secret(), &token, now()).as_deref(), Some("ada/ü"));
        let last = until - TimeDelta::seconds(1);
        assert!(verify(&secret(), &token, last).is_some());
        assert!(verify(&secret(), &token, until).is_none());
        let long = sign(&secret(), "ada", now() + TimeDelta::hours(25));
        assert!(verify(&secret(), &long, now()).is_none());
    }

    #[test]
    fn a_token_with_another_secret_algorithm_audience_or_form_is_refused() {
        let header = r#"{"alg":"HS256"}"#;
        let claims = r#"{"sub":"ada","aud":"scrip","exp":1800000900}"#;
        let good = signed(header, claims);
        assert!(verify(&secret(), &good, now()).is_some());
        let other = Secret::new("another secret of at least 32 bytes");
        assert!(verify(&other, &good, now()).is_none());
        let (text, _) = good.rsplit_once('.').expect("three parts");
        for token in [
            "",
            "a.b.c",
            text,
            &format!("{text}."),
            &format!("{good}="),
            &format!("{}x", &good[..good.len() - 1]),
            &signed(r#"{"alg":"none"}"#, claims),
            &signed(r#"{"alg":"HS512"}"#, claims),
            &signed(r#"{"alg":"HS256","crit":["x"]}"#, claims),
            &signed(header, r#"{"sub":"ada","aud":"other","exp":1800000900}"#),
            &signed(header, r#"{"sub":"ada","aud":"scrip"}"#),
            &signed(header, r#"{"sub":"ada","aud":"scrip","exp":"1800000900"}"#),
            &signed(header, r#"{"sub":1,"aud":"scrip","exp":1800000900}"#),
            &signed(
                header,
                r#"{"sub":"ada","aud":"scrip","exp":-9223372036854775808}"#,
            ),
            &"x".repeat(5000),
        ] {
            assert!(verify(&secret(), token, now()).is_none(), "{token}");
        }
    }
}
