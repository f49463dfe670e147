//! Properties of a message, in words of this crate.

/// Properties of a message besides its body. What is `None` or empty is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// Written to disk by the broker.
    pub persistent: bool,
    /// The message's own name; Scrip uses the reference.
    pub message_id: Option<String>,
    /// What kind of message; Scrip uses the command's `type`.
    pub kind: Option<String>,
    /// Media type of the body.
    pub content_type: Option<String>,
    /// Seconds since 1970.
    pub timestamp: Option<u64>,
    /// The queue that replies should go to.
    pub reply_to: Option<String>,
    /// What replies should carry, to be told apart.
    pub correlation_id: Option<String>,
    /// Milliseconds after which the message may be dropped, in decimal.
    pub expiration: Option<String>,
    /// The account of the broker that sends it. The broker refuses any other than the connection's; absent: the URL's,
    /// where [`Options::name_sender`](crate::Options::name_sender) says so.
    pub user_id: Option<String>,
    /// Headers.
    pub headers: Vec<(String, HeaderValue)>,
}

/// Value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderValue {
    /// A text.
    Str(String),
    /// An integer.
    Int(i64),
    /// A truth value.
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
