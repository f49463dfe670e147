//! The reasons for which a content header is replaced.

use std::fmt;

/// The maximum nesting of tables and arrays in the headers. The headers themselves are level 1.
pub(super) const MAX_NESTING: u32 = 32;

/// The maximum length of an excerpt of a text that is not UTF-8, in bytes.
const EXCERPT: usize = 16;

/// A property of a message that the client library does not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The frame is larger than negotiated. Both sizes are in bytes.
    TooLarge { found: u64, allowed: u64 },
    /// A short string is not UTF-8.
    NotUtf8 {
        what: &'static str,
        excerpt: Vec<u8>,
    },
    /// A value ends after the end of its container.
    CutOff { what: &'static str },
    /// Bytes follow the last property. Their number.
    TrailingBytes(usize),
    /// A value in a table or array has an unknown type.
    FieldType(u8),
    /// Tables and arrays are nested deeper than [`MAX_NESTING`].
    TooDeep,
}

impl Unreadable {
    pub(super) fn not_utf8(what: &'static str, found: &[u8]) -> Self {
        Self::NotUtf8 {
            what,
            excerpt: found.iter().copied().take(EXCERPT).collect(),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { found, allowed } => write!(
                f,
                "the frame of the properties must be at most {allowed} bytes long, got {found}"
            ),
            Self::NotUtf8 { what, excerpt } => {
                write!(f, "{what} must be UTF-8, got `{}`", excerpt.escape_ascii())
            }
            Self::CutOff { what } => write!(f, "{what} must end within the properties"),
            Self::TrailingBytes(count) => {
                write!(
                    f,
                    "the properties must end with the last one, got {count} more bytes"
                )
            }
            Self::FieldType(found) => write!(
                f,
                "a value in the headers must be of a known type, got `{}`",
                found.escape_ascii()
            ),
            Self::TooDeep => write!(
                f,
                "tables and arrays in the headers must be nested at most {MAX_NESTING} deep"
            ),
        }
    }
}
