//! The largest frame that the library accepts, as it negotiates it.

use super::frame::Cursor;

/// Bytes that the filter holds of one content header at most, also where larger frames are negotiated.
const MAX_HELD: u64 = 1 << 20;
/// Any peer has to accept frames of this size.
const FRAME_MIN_SIZE: u32 = 4096;

/// The largest content header frame that the library gets to see.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameLimit {
    /// Bytes; 0 before the broker has said anything: no limit.
    negotiated: u32,
}

impl FrameLimit {
    /// `wanted` is the `frame_max` of the URL, in bytes; 0 leaves it to the broker.
    pub(super) fn new(wanted: u32) -> Self {
        Self { negotiated: wanted }
    }

    /// Takes the arguments of `connection.tune`: channels, largest frame, heartbeat.
    pub(super) fn tune(&mut self, arguments: &[u8]) {
        let mut cursor = Cursor::new(arguments);
        let Some(proposed) = cursor.short().and_then(|_| cursor.long()) else {
            return;
        };
        if proposed != 0 && (self.negotiated == 0 || proposed < self.negotiated) {
            self.negotiated = proposed.max(FRAME_MIN_SIZE);
        }
    }

    /// In bytes of the whole frame.
    pub(super) fn header_frame(self) -> u64 {
        match self.negotiated {
            0 => MAX_HELD,
            limit => u64::from(limit).min(MAX_HELD),
        }
    }
}
