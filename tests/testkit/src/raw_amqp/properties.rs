//! The properties of a message as bytes.

use super::wire::{long, short};

/// The properties of a message as flags and values, which need not match.
#[derive(Clone, Debug, Default)]
pub struct RawProperties {
    flags: u16,
    values: Vec<u8>,
}

impl RawProperties {
    pub const HEADERS: u16 = 1 << 13;
    /// The property that comes first in the values.
    pub const CONTENT_TYPE: u16 = 1 << 15;
    pub const CONTENT_ENCODING: u16 = 1 << 14;
    pub const CORRELATION_ID: u16 = 1 << 10;
    pub const REPLY_TO: u16 = 1 << 9;
    pub const EXPIRATION: u16 = 1 << 8;
    pub const MESSAGE_ID: u16 = 1 << 7;
    pub const TYPE: u16 = 1 << 5;
    /// The broker compares this property with the connection's user.
    pub const USER_ID: u16 = 1 << 4;
    pub const APP_ID: u16 = 1 << 3;
    pub const CLUSTER_ID: u16 = 1 << 2;

    /// Properties with any flags and values.
    pub fn new(flags: u16, values: Vec<u8>) -> Self {
        Self { flags, values }
    }

    /// Properties with these values in any order. A value is a short string, or for
    /// [`RawProperties::HEADERS`] the bytes of a table without its length.
    pub fn from_values(mut values: Vec<(u16, Vec<u8>)>) -> Self {
        values.sort_by_key(|(flag, _)| std::cmp::Reverse(*flag));
        values
            .iter()
            .fold(Self::default(), |properties, (flag, value)| match *flag {
                Self::HEADERS => properties.headers(value),
                flag => properties.text(flag, value),
            })
    }

    /// Adds a short string. Properties must be added in their order.
    #[must_use]
    pub fn text(mut self, flag: u16, text: &[u8]) -> Self {
        self.flags |= flag;
        self.values.extend(short(text));
        self
    }

    /// Adds a value of a fixed size. Properties must be added in their order.
    #[must_use]
    pub fn fixed(mut self, flag: u16, value: &[u8]) -> Self {
        self.flags |= flag;
        self.values.extend(value);
        self
    }

    /// Adds the headers as the bytes of a table without its length. Properties must be added in
    /// their order.
    #[must_use]
    pub fn headers(mut self, table: &[u8]) -> Self {
        self.flags |= Self::HEADERS;
        self.values.extend(long(table));
        self
    }

    /// The flags and values in the wire format.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.flags.to_be_bytes(), &*self.values].concat()
    }

    /// The size in bytes of a content header frame with these properties.
    pub fn frame_length(&self) -> usize {
        // The frame head, then class, weight and body size, then flags, values and the frame end.
        7 + 12 + 2 + self.values.len() + 1
    }
}
