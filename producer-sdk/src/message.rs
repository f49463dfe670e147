//! Properties of a message, independent of the client library.

/// Properties of a message besides its body. A property that is `None` or empty is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// Whether the broker writes the message to disk.
    pub persistent: bool,
    /// The id of the message. Scrip uses the reference.
    pub message_id: Option<String>,
    /// The type of the message. Scrip uses the command's `type`.
    pub kind: Option<String>,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// The time of sending, in seconds since 1970.
    pub timestamp: Option<u64>,
    /// The queue for replies.
    pub reply_to: Option<String>,
    /// The correlation id, which replies repeat so that they can be matched to requests.
    pub correlation_id: Option<String>,
    /// The time after which the broker may drop the message, in milliseconds, as a decimal text.
    pub expiration: Option<String>,
    /// The broker account that sends the message. The broker refuses any account other than the
    /// connection's. `None` means the user of the URL, unless
    /// [`Options::name_sender`](crate::Options::name_sender) is `false`.
    pub user_id: Option<String>,
    /// The headers of the message.
    pub headers: Vec<(String, HeaderValue)>,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderValue {
    /// A text.
    Str(String),
    /// An integer.
    Int(i64),
    /// A Boolean.
    Bool(bool),
}

impl From<&str> for HeaderValue {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for HeaderValue {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<i64> for HeaderValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
