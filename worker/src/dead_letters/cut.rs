//! Cuts bodies that are too large. The dead letter keeps the beginning, which shows what the
//! message is, and a hash, which shows whether the same message comes again.

use producer_sdk::contract::MAX_BODY_BYTES;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Bytes that are kept of a body larger than [`MAX_BODY_BYTES`].
pub const KEPT_BYTES: usize = 1024;

/// The original of a body of which only the first [`KEPT_BYTES`] are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CutBody {
    /// Length in bytes of the whole body.
    pub body_length: u64,
    /// SHA-256 of the whole body, in hexadecimal.
    pub body_sha256: String,
}

impl CutBody {
    /// Cuts a body larger than [`MAX_BODY_BYTES`]; `None`: the body fits and is unchanged.
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

    /// Reads the values of the two headers; `None` if the body is whole.
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
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_above_the_size_limit_is_cut() {
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
