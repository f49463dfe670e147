//! Properties of a message as bytes.

use super::wire::{long, short};

/// Properties of a message: flags and values, whether they fit together or not.
#[derive(Clone, Debug, Default)]
pub struct RawProperties {
    flags: u16,
    values: Vec<u8>,
}

impl RawProperties {
    /// `headers`.
    pub const HEADERS: u16 = 1 << 13;
    /// `content_type`, the first of all.
    pub const CONTENT_TYPE: u16 = 1 << 15;
    /// `content_encoding`.
    pub const CONTENT_ENCODING: u16 = 1 << 14;
    /// `correlation_id`.
    pub const CORRELATION_ID: u16 = 1 << 10;
    /// `reply_to`.
    pub const REPLY_TO: u16 = 1 << 9;
    /// `expiration`.
    pub const EXPIRATION: u16 = 1 << 8;
    /// `message_id`.
    pub const MESSAGE_ID: u16 = 1 << 7;
    /// `type`.
    pub const TYPE: u16 = 1 << 5;
    /// `user_id`, which the broker compares with the connection's user.
    pub const USER_ID: u16 = 1 << 4;
    /// `app_id`.
    pub const APP_ID: u16 = 1 << 3;
    /// `cluster_id`.
    pub const CLUSTER_ID: u16 = 1 << 2;

    /// These flags and values.
    pub fn new(flags: u16, values: Vec<u8>) -> Self {
        Self { flags, values }
    }

    /// Short strings and `headers` (the bytes of a table without its length), in any order.
    pub fn from_values(mut values: Vec<(u16, Vec<u8>)>) -> Self {
        values.sort_by_key(|(flag, _)| std::cmp::Reverse(*flag));
        values
            .iter()
            .fold(Self::default(), |properties, (flag, value)| match *flag {
                Self::HEADERS => properties.headers(value),
                flag => properties.text(flag, value),
            })
    }

    /// Adds a short string. To be called in the order of the properties.
    #[must_use]
    pub fn text(mut self, flag: u16, text: &[u8]) -> Self {
        self.flags |= flag;
        self.values.extend(short(text));
        self
    }

    /// Adds a value of a fixed size. To be called in the order of the properties.
    #[must_use]
    pub fn fixed(mut self, flag: u16, value: &[u8]) -> Self {
        self.flags |= flag;
        self.values.extend(value);
        self
    }

    /// Adds `headers`: the bytes of a table without its length. To be called in the order of the properties.
    #[must_use]
    pub fn headers(mut self, table: &[u8]) -> Self {
        self.flags |= Self::HEADERS;
        self.values.extend(long(table));
        self
    }

    /// Flags and values as they are sent.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.flags.to_be_bytes(), &*self.values].concat()
    }

    /// Bytes of the content header frame with these properties.
    pub fn frame_length(&self) -> usize {
        // Head, class, weight and body size, flags, end.
        7 + 12 + 2 + self.values.len() + 1
    }
}
