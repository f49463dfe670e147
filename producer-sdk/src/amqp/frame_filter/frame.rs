//! The layout of frames: type (1 byte), channel (2), payload size (4), payload, end (1).

pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
pub(super) const BODY: u8 = 3;
pub(super) const HEARTBEAT: u8 = 8;
pub(super) const END: u8 = 0xce;

/// The number of bytes of a frame before its payload.
pub(super) const HEAD: usize = 7;
/// The number of bytes of a frame besides its payload.
pub(super) const OVERHEAD: usize = HEAD + 1;

/// The part of a frame before its payload.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) kind: u8,
    pub(super) channel: u16,
    /// The size of the payload, in bytes.
    pub(super) size: u32,
}

impl Head {
    /// Reads a head. `None` if `bytes` is too short.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        Some(Self {
            kind: cursor.byte()?,
            channel: cursor.short()?,
            size: cursor.long()?,
        })
    }

    /// The size of the whole frame, in bytes.
    pub(super) fn frame_length(self) -> u64 {
        u64::from(self.size) + OVERHEAD as u64
    }
}

/// A frame with this payload. `None` if the payload is too long for a frame.
pub(super) fn write(kind: u8, channel: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(payload.len()).ok()?.to_be_bytes();
    Some([&[kind][..], &channel.to_be_bytes(), &size, payload, &[END]].concat())
}

/// Reads bytes from front to back. Every read returns `None` if too few bytes are left.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_at_end(self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A length of one byte, followed by that many bytes.
    pub(super) fn short_string(&mut self) -> Option<&'a [u8]> {
        let length = self.byte()?;
        self.take(length.into())
    }

    /// A length of four bytes, followed by that many bytes.
    pub(super) fn long_string(&mut self) -> Option<&'a [u8]> {
        let length = self.long()?;
        self.take(usize::try_from(length).ok()?)
    }
}
