//! Of a body that is too large to be read, a dead letter keeps the beginning, which shows what it is, and the hash, which
//! shows whether it is the same again.

use producer_sdk::contract::MAX_BODY_BYTES;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Bytes that are kept of a body that is larger than any message may be.
pub const KEPT_BYTES: usize = 1024;

/// A body of which only the first [`KEPT_BYTES`] are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CutBody {
    /// Its length in bytes, as it was sent.
    pub body_length: u64,
    /// The SHA-256 of all of it, in hexadecimal.
    pub body_sha256: String,
}

impl CutBody {
    /// Cuts a body that is larger than any message may be; `None` for every other, which stays as it is.
    pub fn cut(body: &mut Vec<u8>) -> Option<Self> {
        if body.len() <= MAX_BODY_BYTES {
            return None;
        }
        let cut = Self {
            body_length: body.len() as u64,
            body_sha256: hexadecimal(&Sha256::digest(&*body)),
        };
        body.truncate(KEPT_BYTES);
        body.shrink_to_fit();
        Some(cut)
    }

    /// What two headers say; `None` where a body is whole.
    pub fn from_headers(length: Option<u64>, sha256: Option<String>) -> Option<Self> {
        Some(Self {
            body_length: length?,
            body_sha256: sha256.unwrap_or_default(),
        })
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_larger_than_any_message_may_be_is_cut() {
        let mut largest = vec![b'a'; MAX_BODY_BYTES];
        assert_eq!(CutBody::cut(&mut largest), None);
        assert_eq!(largest.len(), MAX_BODY_BYTES);

        let mut larger = vec![b'a'; 1_000_000];
        let cut = CutBody::cut(&mut larger).unwrap();
        assert_eq!((larger.len(), cut.body_length), (KEPT_BYTES, 1_000_000));
        // `head -c 1000000 /dev/zero | tr '\0' a | sha256sum`
        assert_eq!(
            cut.body_sha256,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
    }
}
