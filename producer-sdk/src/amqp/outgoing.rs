//! A message in the types of the client library.

use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, PublisherConfirm};

use super::frame_filter::unreadable;
use crate::error::{Error, Result};
use crate::message::{HeaderValue, Properties};

const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;

/// Everything that is needed to publish a message, also repeatedly.
#[derive(Debug)]
pub struct Outgoing {
    /// The destination exchange; empty for the default exchange.
    pub exchange: ShortString,
    /// The routing key.
    pub routing_key: ShortString,
    /// The properties and headers.
    pub properties: BasicProperties,
    /// The content.
    pub body: Vec<u8>,
}

impl Outgoing {
    /// Converts a message of an app. It is checked, so that publishing it cannot fail later.
    pub(super) fn new(
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        body: Vec<u8>,
    ) -> Result<Self> {
        Ok(Self {
            exchange: short("exchange", exchange)?,
            routing_key: short("routing key", routing_key)?,
            properties: convert(properties)?,
            body,
        })
    }

    /// Publishes the message. Completes when it is written; the returned future completes at its
    /// confirm. The broker returns a `mandatory` message that no queue takes.
    pub async fn publish(
        &self,
        channel: &Channel,
        mandatory: bool,
    ) -> lapin::Result<PublisherConfirm> {
        let options = BasicPublishOptions {
            mandatory,
            immediate: false,
        };
        let (exchange, key) = (self.exchange.clone(), self.routing_key.clone());
        channel
            .basic_publish(exchange, key, options, &self.body, self.properties.clone())
            .await
    }

    /// Whether a message that the broker returned is this one, or an identical one. If the
    /// properties of the returned message cannot be read, the other fields are compared.
    pub(super) fn matches(&self, returned: &BasicReturnMessage) -> bool {
        let has_same_ids = || {
            returned.properties.message_id() == self.properties.message_id()
                && returned.properties.correlation_id() == self.properties.correlation_id()
        };
        returned.exchange == self.exchange
            && returned.routing_key == self.routing_key
            && returned.data == self.body
            && (has_same_ids() || unreadable(&returned.properties).is_some())
    }
}

fn short(what: &'static str, text: &str) -> Result<ShortString> {
    ShortString::try_new(text).map_err(|_| Error::PropertyTooLong(what))
}

fn convert(properties: Properties) -> Result<BasicProperties> {
    let mode = if properties.persistent {
        PERSISTENT
    } else {
        TRANSIENT
    };
    let mut converted = BasicProperties::default().with_delivery_mode(mode);
    if let Some(id) = &properties.message_id {
        converted = converted.with_message_id(short("message id", id)?);
    }
    if let Some(kind) = &properties.kind {
        converted = converted.with_type(short("type", kind)?);
    }
    if let Some(content_type) = &properties.content_type {
        converted = converted.with_content_type(short("content type", content_type)?);
    }
    if let Some(seconds) = properties.timestamp {
        converted = converted.with_timestamp(seconds);
    }
    if let Some(queue) = &properties.reply_to {
        converted = converted.with_reply_to(short("reply queue", queue)?);
    }
    if let Some(id) = &properties.correlation_id {
        converted = converted.with_correlation_id(short("correlation id", id)?);
    }
    if let Some(millis) = &properties.expiration {
        converted = converted.with_expiration(short("expiration", millis)?);
    }
    if let Some(user) = &properties.user_id {
        converted = converted.with_user_id(short("user id", user)?);
    }
    if !properties.headers.is_empty() {
        let mut table = FieldTable::default();
        for (name, value) in properties.headers {
            let value = match value {
                HeaderValue::Str(text) => AMQPValue::LongString(LongString::from(text)),
                HeaderValue::Int(number) => AMQPValue::LongLongInt(number),
                HeaderValue::Bool(truth) => AMQPValue::Boolean(truth),
            };
            table.insert(short("header name", &name)?, value);
        }
        converted = converted.with_headers(table);
    }
    Ok(converted)
}
