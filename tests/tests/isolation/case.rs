//! A kind of hostile message.

use producer_sdk::contract::bucket;
use tests::raw_amqp::{RawProperties, frame_filled};

/// The user of the broker that sends them, and the user whose wallet they name.
pub const MALLORY: &str = "mallory";
/// How often each message is sent.
pub const TIMES: usize = 20;

/// Makes the body of the message with a reference.
pub type MakeBody = Box<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The broker does not take it.
    RefusedByBroker,
    /// A command, carried out as any other.
    CarriedOut,
    /// Acknowledged, or dropped by the broker; nothing is kept of it.
    Dropped,
    /// A dead letter with this reason, whose error says this.
    Letter {
        reason: &'static str,
        error: String,
        /// Whether a worker has set it aside, and not the broker itself.
        by_worker: bool,
    },
}

/// How the properties fill their frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    AsIs,
    /// Filled by a header to the largest frame and so many bytes more.
    LargestFrameAnd(usize),
}

/// A kind of hostile message.
pub struct Case {
    pub name: String,
    pub exchange: String,
    pub routing_key: Vec<u8>,
    /// Beside `user_id` and `message_id`, which are there unless they are here.
    pub properties: Vec<(u16, Vec<u8>)>,
    pub size: Size,
    pub awaits_direct_replies: bool,
    pub body: MakeBody,
    pub expected: Expected,
    /// What the worker logs of it beside the sender, where that is not what it logs of a dead letter.
    pub logged: Option<&'static str>,
}

impl Case {
    /// A command that is carried out, with a reference and nothing hostile about it.
    pub fn new(name: impl Into<String>, exchange: String) -> Self {
        Self {
            name: name.into(),
            exchange,
            routing_key: bucket(MALLORY).to_string().into_bytes(),
            properties: Vec::new(),
            size: Size::AsIs,
            awaits_direct_replies: false,
            body: Box::new(|reference| {
                let body = format!(
                    r#"{{"type":"consume","referenceId":"{reference}","userId":"{MALLORY}","service":"s","amount":1}}"#
                );
                body.into_bytes()
            }),
            expected: Expected::CarriedOut,
            logged: None,
        }
    }

    pub fn routing_key(mut self, key: &[u8]) -> Self {
        self.routing_key = key.to_vec();
        self
    }

    pub fn property(mut self, flag: u16, value: impl Into<Vec<u8>>) -> Self {
        self.properties.push((flag, value.into()));
        self
    }

    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    pub fn awaiting_direct_replies(mut self) -> Self {
        self.awaits_direct_replies = true;
        self.property(RawProperties::REPLY_TO, *b"amq.rabbitmq.reply-to")
    }

    pub fn body(mut self, make: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        self.body = Box::new(make);
        self
    }

    pub fn text(self, make: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.body(move |reference| make(reference).into_bytes())
    }

    pub fn expected(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    pub fn letter(self, reason: &'static str, error: impl Into<String>) -> Self {
        self.expected(Expected::Letter {
            reason,
            error: error.into(),
            by_worker: true,
        })
    }

    pub fn logged(mut self, text: &'static str) -> Self {
        self.logged = Some(text);
        self
    }

    /// The reference of a message, in its body or its properties.
    pub fn reference(&self, n: usize) -> String {
        let name: String = self
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        format!("{name}.{n}")
    }

    /// The properties of a message.
    pub fn properties(&self, n: usize, frame_max: usize) -> RawProperties {
        let mut values = self.properties.clone();
        for (flag, value) in [
            (RawProperties::USER_ID, MALLORY.to_owned()),
            (RawProperties::MESSAGE_ID, self.reference(n)),
        ] {
            if values.iter().all(|(other, _)| *other != flag) {
                values.push((flag, value.into_bytes()));
            }
        }
        match self.size {
            Size::AsIs => RawProperties::from_values(values),
            Size::LargestFrameAnd(more) => frame_filled(frame_max + more, |table| {
                let headers = (RawProperties::HEADERS, table.to_vec());
                RawProperties::from_values([values.clone(), vec![headers]].concat())
            }),
        }
    }
}
