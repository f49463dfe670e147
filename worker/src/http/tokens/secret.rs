//! The text of a token: `scrip_`, its id, `_` and its secret, both in hexadecimal digits.
//!
//! The secret has 256 random bits, so its SHA-256 is enough to store: a slow hash protects secrets
//! that can be guessed.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

const PREFIX: &str = "scrip_";
const SECRET_BYTES: usize = 32;
/// The length of the text of every token, in bytes.
pub const MAX_TOKEN_BYTES: usize = PREFIX.len() + 32 + 1 + 2 * SECRET_BYTES;

/// The hash of a secret. Comparing two takes the same time for all values.
#[derive(Clone, Copy, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash in a row of the table.
    pub fn from_row(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    pub fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A token as a client sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText {
    /// The id of the row.
    pub id: Uuid,
    /// The secret in hexadecimal digits.
    secret: String,
}

impl TokenText {
    /// A new token. Fails only if the system has no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self {
            id: Uuid::now_v7(),
            secret: hex(&secret),
        })
    }

    /// Reads a token. `None` if it is not the text of a token.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        if id.len() != 32 || secret.len() != 2 * SECRET_BYTES || !is_hex(id) || !is_hex(secret) {
            return None;
        }
        Some(Self {
            id: Uuid::try_parse(id).ok()?,
            secret: secret.to_owned(),
        })
    }

    /// The whole text. It is shown once, when the token is created.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}_{}", self.id.simple(), self.secret)
    }

    /// The hash of the secret.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.secret.as_bytes()).into())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_***", self.id.simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_its_text_and_two_tokens_differ() {
        let token = TokenText::generate().expect("random numbers");
        let text = token.expose();
        assert_eq!(text.len(), MAX_TOKEN_BYTES);
        let read = TokenText::parse(&text).expect("a token");
        assert_eq!((read.id, read.hash()), (token.id, token.hash()));
        let other = TokenText::generate().expect("random numbers");
        assert_ne!(other.hash(), token.hash());
        assert_ne!(other.id, token.id);
    }

    #[test]
    fn only_the_exact_text_of_a_token_is_read() {
        let text = TokenText::generate().expect("random numbers").expose();
        let upper = text.to_uppercase();
        let longer = format!("{text}0");
        let unknown = text.replacen("scrip", "other", 1);
        for wrong in ["", "scrip_", &text[1..], &upper, &longer, &unknown, "é"] {
            assert!(TokenText::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_debug_text_has_no_secret() {
        let token = TokenText::generate().expect("random numbers");
        let secret = &token.expose()[39..];
        assert!(!format!("{token:?} {:?}", token.hash()).contains(secret));
    }
}
