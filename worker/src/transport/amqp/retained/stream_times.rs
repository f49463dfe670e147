//! When the messages of a stream arrived.
//!
//! The broker does not say when a message arrived, but it can begin to deliver at an instant. So
//! the messages between the beginnings of two instants arrived between these.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::timeout;

use super::Retained;
use crate::transport::amqp::{
    connection,
    error::AmqpError,
    incoming::{header, integer},
    request,
};

/// Number of instants that are looked up.
const MAX_STEPS: i32 = 600;
/// The broker compares whole seconds.
const MIN_STEP: TimeDelta = TimeDelta::seconds(1);
/// Time after which a message is published, because the instant may be behind the last one.
const SILENCE: Duration = Duration::from_secs(3);
/// Longest wait for that message.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The first offset at or after each of several instants, in order. The last instant is at or after
/// the end of the range.
#[derive(Debug)]
pub struct StreamTimes {
    offsets: Vec<(DateTime<Utc>, u64)>,
}

impl StreamTimes {
    /// Looks up the instants from `from` to `to`.
    pub async fn look_up(
        retained: &Retained,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Self, AmqpError> {
        let mut offsets = Vec::new();
        for at in instants(from, to) {
            offsets.push((at, first_offset(retained, instant(at)).await?));
        }
        Ok(Self { offsets })
    }

    /// The offset of the first message of the range.
    pub fn start(&self) -> u64 {
        self.offsets.first().map_or(0, |(_, offset)| *offset)
    }

    /// The first instant by which a message had arrived; `None` if it is behind the range.
    pub fn arrived(&self, offset: u64) -> Option<DateTime<Utc>> {
        let behind = self.offsets.partition_point(|(_, first)| *first <= offset);
        self.offsets.get(behind).map(|(at, _)| *at)
    }
}

/// Instants from `from` to `to` or later: every second of the last minutes, and fewer before.
fn instants(from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let half = MAX_STEPS / 2;
    let recent = (to - MIN_STEP * half).max(from);
    let step = MIN_STEP.max((recent - from) / half);
    let mut instants = Vec::new();
    let mut at = from;
    while at < recent {
        instants.push(at);
        at += step;
    }
    at = recent;
    while at < to {
        instants.push(at);
        at += MIN_STEP;
    }
    instants.push(at);
    instants
}

/// Whether a message of the stream arrived before `at`, so that none that arrived since is deleted.
pub async fn reaches_back_to(retained: &Retained, at: DateTime<Utc>) -> Result<bool, AmqpError> {
    let first = first_offset(retained, AMQPValue::LongString("first".into())).await?;
    let since = first_offset(retained, instant(at)).await?;
    Ok(is_covered(first, since))
}

/// `first` is the offset of the first message of the stream, `since` that of the first one since an
/// instant. If they are the same, older messages may have been deleted, or were never retained.
const fn is_covered(first: u64, since: u64) -> bool {
    first < since
}

fn instant(at: DateTime<Utc>) -> AMQPValue {
    AMQPValue::Timestamp(u64::try_from(at.timestamp()).unwrap_or(0))
}

/// The offset of the first message at or after `start`. If there is none, one is published.
async fn first_offset(retained: &Retained, start: AMQPValue) -> Result<u64, AmqpError> {
    let (channel, mut messages) =
        subscribe(retained.reading(), retained.stream(), 1, start).await?;
    let mut is_marked = false;
    let mut skipped = 0;
    let first = loop {
        let limit = if is_marked { ANSWER_WITHIN } else { SILENCE };
        let delivery = match timeout(limit, messages.next()).await {
            Ok(Some(Ok(delivery))) => delivery,
            Ok(Some(Err(error))) => {
                return Err(AmqpError::doing("reading retained commands")(error));
            }
            Ok(None) => return Err(AmqpError::Ended),
            // A broker that does not answer is not the end of the stream.
            Err(_) if is_marked => {
                return Err(AmqpError::NoAnswer {
                    doing: "reading retained commands",
                    within: ANSWER_WITHIN,
                });
            }
            Err(_) => {
                retained.mark_end().await?;
                is_marked = true;
                continue;
            }
        };
        if let Some(offset) = offset(&delivery) {
            break offset.saturating_sub(skipped);
        }
        // A message with unreadable properties has no offset.
        skipped += 1;
        let ack = channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default());
        ack.await.map_err(AmqpError::doing("acknowledging"))?;
    };
    request::close_channel(&channel).await;
    Ok(first)
}

/// Subscribes to a stream from `start` on.
pub async fn subscribe(
    connection: &Connection,
    stream: &ShortString,
    prefetch: u16,
    start: AMQPValue,
) -> Result<(Channel, Consumer), AmqpError> {
    let channel = connection::channel(connection).await?;
    let qos = channel.basic_qos(prefetch, BasicQosOptions { global: false });
    request::answered("setting the prefetch", qos).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), start);
    let options = BasicConsumeOptions::default();
    let consume = channel.basic_consume(stream.clone(), "".into(), options, arguments);
    let messages = request::answered("subscribing to retained commands", consume).await?;
    Ok((channel, messages))
}

/// The offset of a message, which the broker adds to it.
pub fn offset(delivery: &Delivery) -> Option<u64> {
    let offset = header(&delivery.properties, "x-stream-offset").and_then(integer)?;
    u64::try_from(offset).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn the_last_minutes_are_looked_up_each_second_and_earlier_time_in_few_steps() {
        let all = |from, to| {
            let instants = instants(at(from), at(to));
            let steps = instants
                .windows(2)
                .map(|two| (two[1] - two[0]).num_seconds());
            (instants.len(), instants[0], steps.collect::<Vec<_>>())
        };
        assert_eq!(all(0, 0), (1, at(0), vec![]));
        assert_eq!(all(0, 3), (4, at(0), vec![1; 3]));
        let (count, first, steps) = all(0, 86_400);
        assert!(count <= 602 && first == at(0), "{count}");
        assert!(
            steps.iter().all(|step| (1..=287).contains(step)),
            "{steps:?}"
        );
        assert_eq!(steps[steps.len() - 300..], [1; 300]);
        assert_eq!(steps.iter().sum::<i64>(), 86_400);
    }

    #[test]
    fn a_message_arrived_before_the_instant_whose_first_message_is_later() {
        let times = StreamTimes {
            offsets: vec![(at(0), 5), (at(1), 5), (at(2), 9), (at(3), 12)],
        };
        assert_eq!(times.start(), 5);
        for (offset, second) in [(5, 2), (8, 2), (9, 3), (11, 3)] {
            assert_eq!(times.arrived(offset), Some(at(second)), "{offset}");
        }
        assert_eq!(times.arrived(12), None);
    }

    #[test]
    fn a_stream_covers_an_instant_only_with_a_message_before_it() {
        assert!(is_covered(5, 6));
        assert!(!is_covered(5, 5));
        assert!(!is_covered(0, 0));
    }
}
