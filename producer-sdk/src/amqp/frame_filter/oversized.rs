//! A content header that is larger than the filter buffers. Its bytes are scanned as they pass.

use super::content_header::{self, FIXED};
use super::frame::{HEAD, Head};
use super::unreadable::Unreadable;
use super::user_id::UserIdScan;

/// The state for such a content header. It holds only what the replacement needs.
#[derive(Debug)]
pub(super) struct Oversized {
    channel: u16,
    fixed: [u8; FIXED],
    length: u64,
    /// The number of bytes of the frame that are still to come, including the end byte.
    left: u64,
    reason: Unreadable,
    scan: UserIdScan,
}

impl Oversized {
    /// `frame` is the start of the frame. Returns `None` if it is too short. `allowed` is in bytes.
    pub(super) fn new(head: Head, frame: &[u8], allowed: u64) -> Option<Self> {
        let length = head.frame_length();
        Some(Self {
            channel: head.channel,
            fixed: frame.get(HEAD..HEAD + FIXED)?.try_into().ok()?,
            length,
            left: length,
            reason: Unreadable::TooLarge {
                found: length,
                allowed,
            },
            scan: UserIdScan::after_bytes(HEAD + FIXED),
        })
    }

    /// The number of bytes of the frame that are still to come.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Takes the next bytes of the frame. With the last of them it returns the replacement.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.left = self.left.saturating_sub(bytes.len() as u64);
        if self.left > 0 {
            self.scan.feed(bytes);
            return Vec::new();
        }
        if let Some((_, payload)) = bytes.split_last() {
            self.scan.feed(payload);
        }
        let user_id = self.scan.found();
        let with = content_header::replacement(
            self.channel,
            &self.fixed,
            self.length,
            &self.reason,
            user_id,
        );
        // A replacement always fits, because it has only some hundred bytes.
        with.unwrap_or_default()
    }
}

#[cfg(test)]
impl Oversized {
    /// The number of bytes in memory that depend on the scanned bytes.
    pub(super) fn in_memory(&self) -> usize {
        self.scan.in_memory()
    }
}
