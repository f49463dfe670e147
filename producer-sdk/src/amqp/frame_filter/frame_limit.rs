//! The largest frame that the library accepts, as it negotiates it.

use super::frame::Cursor;

/// The maximum number of bytes of a content header that the filter buffers, also if larger frames
/// are negotiated.
const MAX_HELD: u64 = 1 << 20;
/// Every peer must accept frames of this size.
const FRAME_MIN_SIZE: u32 = 4096;

/// The largest content header frame that is passed to the library.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameLimit {
    /// The limit in bytes. 0 means no limit, as long as the broker has not proposed one.
    negotiated: u32,
}

impl FrameLimit {
    /// `configured` is the `frame_max` of the URL, in bytes. 0 means that the broker decides.
    pub(super) fn new(configured: u32) -> Self {
        Self {
            negotiated: configured,
        }
    }

    /// Applies the arguments of `connection.tune`: channels, largest frame, heartbeat.
    pub(super) fn tune(&mut self, arguments: &[u8]) {
        let mut cursor = Cursor::new(arguments);
        let Some(proposed) = cursor.short().and_then(|_| cursor.long()) else {
            return;
        };
        if proposed != 0 && (self.negotiated == 0 || proposed < self.negotiated) {
            self.negotiated = proposed.max(FRAME_MIN_SIZE);
        }
    }

    /// The maximum size of a content header frame, in bytes of the whole frame.
    pub(super) fn header_frame(self) -> u64 {
        match self.negotiated {
            0 => MAX_HELD,
            limit => u64::from(limit).min(MAX_HELD),
        }
    }
}
