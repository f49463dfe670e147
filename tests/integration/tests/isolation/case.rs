//! A kind of hostile message.

use producer_sdk::contract::bucket;
use testkit::raw_amqp::{RawProperties, frame_filled};

/// The account of the attacker, and the user whose wallet the messages name.
pub const MALLORY: &str = "mallory";
/// The number of times that each message is sent.
pub const TIMES: usize = 20;

/// Builds the body of the message with a reference.
pub type MakeBody = Box<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// The expected result of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The broker refuses the message.
    RefusedByBroker,
    /// The message is a command and is applied.
    CarriedOut,
    /// The worker acknowledges the message or the broker drops it, without any trace.
    Dropped,
    /// The message becomes a dead letter with this reason and an error that contains this text.
    DeadLetter {
        reason: &'static str,
        error: String,
        /// Whether a worker dead-lettered the message, and not the broker.
        by_worker: bool,
    },
}

/// The size of the properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    AsIs,
    /// A header fills them to the largest frame plus this number of bytes.
    LargestFrameAnd(usize),
}

/// A kind of hostile message.
pub struct Case {
    pub name: String,
    pub exchange: String,
    pub routing_key: Vec<u8>,
    /// The properties by flag. `user_id` and `message_id` are added unless they are in this list.
    pub properties: Vec<(u16, Vec<u8>)>,
    pub size: Size,
    pub awaits_direct_replies: bool,
    pub body: MakeBody,
    pub expected: Expected,
    /// A text in the worker's log line about the message, if it is not the line about a dead
    /// letter.
    pub logged: Option<&'static str>,
}

impl Case {
    /// A valid command with a reference. The other methods make it hostile.
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

    pub fn dead_letter(self, reason: &'static str, error: impl Into<String>) -> Self {
        self.expected(Expected::DeadLetter {
            reason,
            error: error.into(),
            by_worker: true,
        })
    }

    pub fn logged(mut self, text: &'static str) -> Self {
        self.logged = Some(text);
        self
    }

    /// The reference of the `n`-th message, in its body or its properties.
    pub fn reference(&self, n: usize) -> String {
        let name: String = self
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        format!("{name}.{n}")
    }

    /// The properties of the `n`-th message.
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
