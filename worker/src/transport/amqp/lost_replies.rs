//! Counts replies that are not sent, by reason, and logs senders with an unusable `reply_to`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use lapin::{BasicProperties, types::ShortString};
use producer_sdk::contract::{ReplyToError, Topology};
use strum::{IntoStaticStr, VariantArray};
use tracing::warn;

use super::reported_senders::{MAX_SENDERS, ReportedSenders, shortened};
use crate::pipeline::LabeledCounter;

/// Why a reply is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LostReply {
    /// Too many replies wait already, in number or in bytes.
    BufferFull,
    /// The broker is short of memory or disk.
    BrokerBlocked,
    /// The broker closed the channel on which it was sent.
    BrokerRefused,
    /// `reply_to` does not name a queue to which replies may go.
    ReplyToUnusable,
    /// `reply_to` names the reply queue of an account, and the broker has not verified that the
    /// sender is that account.
    ReplyToNotOwn,
    /// The node of a direct reply-to is unknown to the broker, or it could not be tried.
    NodeUnknown,
}

impl LostReply {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The counters, shared by the tasks that send replies and by health checks.
#[derive(Clone, Debug)]
pub struct LostReplies {
    counts: Arc<LabeledCounter>,
    reported: Arc<Mutex<ReportedSenders>>,
}

impl Default for LostReplies {
    fn default() -> Self {
        let reasons = LostReply::VARIANTS
            .iter()
            .map(|reason| reason.as_str().into());
        Self {
            counts: Arc::new(LabeledCounter::new(reasons)),
            reported: Arc::default(),
        }
    }
}

impl LostReplies {
    /// Counts `replies` lost replies.
    pub fn add(&self, reason: LostReply, replies: usize) {
        for _ in 0..replies {
            self.counts.add(reason.as_str().into());
        }
    }

    /// The counters by reason. Every reason is present from the start.
    pub fn read(&self) -> BTreeMap<String, u64> {
        let counts = self.counts.read().into_iter();
        counts
            .map(|(reason, count)| (reason.into_owned(), count))
            .collect()
    }

    /// The sum of all counters.
    pub fn sum(&self) -> u64 {
        self.counts.sum()
    }

    /// Counts a message whose `reply_to` cannot be used, and logs its sender once. The command is
    /// carried out anyway, and its sender waits for a reply that does not come. `sender` is the
    /// account that sent it, if it is known.
    pub fn check_reply_to(
        &self,
        topology: &Topology,
        properties: &BasicProperties,
        sender: Option<&str>,
    ) {
        let Some(queue) = properties.reply_to().as_ref().map(ShortString::as_str) else {
            return;
        };
        let Err(refused) = topology.check_reply_to(queue, sender) else {
            return;
        };
        self.add(refused.into(), 1);
        let app = properties.app_id().as_ref().map(ShortString::as_str);
        let (is_new, is_last) = self.reported().note(&(
            refused,
            sender,
            app,
            sender.or(app).is_none().then_some(queue),
        ));
        if is_new {
            warn!(
                reply_to = shortened(queue),
                user = sender.map(shortened),
                app = app.map(shortened),
                message_id = properties
                    .message_id()
                    .as_ref()
                    .map(|id| shortened(id.as_str())),
                error = %refused,
                remedy = remedy(refused),
                "reply cannot be sent"
            );
        }
        if is_last {
            warn!(
                senders = MAX_SENDERS,
                "too many senders with an unusable `reply_to`, not logging more for an hour"
            );
        }
    }

    fn reported(&self) -> std::sync::MutexGuard<'_, ReportedSenders> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<ReplyToError> for LostReply {
    fn from(refused: ReplyToError) -> Self {
        match refused {
            ReplyToError::NoReplyQueue => Self::ReplyToUnusable,
            ReplyToError::NotTheSenders => Self::ReplyToNotOwn,
        }
    }
}

const fn remedy(refused: ReplyToError) -> &'static str {
    match refused {
        ReplyToError::NoReplyQueue => "use a queue that the broker names, or direct reply-to",
        ReplyToError::NotTheSenders => {
            "set `user_id` to the account of the connection and `reply_to` to \
             `{namespace}.reply.{that account}`, or use a queue that the broker names"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_with_an_unusable_reply_address_are_counted() {
        let (topology, lost) = (Topology::new("t", 1).unwrap(), LostReplies::default());
        let with_reply_to = |queue: &str| BasicProperties::default().with_reply_to(queue.into());
        lost.check_reply_to(&topology, &BasicProperties::default(), None);
        lost.check_reply_to(&topology, &with_reply_to("amq.gen-1"), None);
        assert_eq!(lost.sum(), 0);
        lost.check_reply_to(&topology, &with_reply_to("t.dead"), None);
        lost.check_reply_to(&topology, &with_reply_to("t.dead"), None);
        assert_eq!(lost.read()["reply_to_unusable"], 2);
        assert_eq!(lost.read().len(), LostReply::VARIANTS.len());
        assert_eq!(lost.reported().count(), 1);
        assert_eq!(lost.read()["reply_to_not_own"], 0);
    }

    /// Conformance: Broker permissions and senders: A reply goes to `{ns}.reply.{account}` only if
    /// the message is from that account
    #[test]
    fn a_reply_queue_of_another_account_is_counted_and_reported_separately() {
        let (topology, lost) = (Topology::new("t", 1).unwrap(), LostReplies::default());
        let with_reply_to = |queue: &str| BasicProperties::default().with_reply_to(queue.into());
        lost.check_reply_to(&topology, &with_reply_to("t.reply.shop"), Some("shop"));
        assert_eq!(lost.sum(), 0);
        lost.check_reply_to(&topology, &with_reply_to("t.reply.shop"), Some("till"));
        lost.check_reply_to(&topology, &with_reply_to("t.reply.shop"), Some("till"));
        lost.check_reply_to(&topology, &with_reply_to("t.dead"), Some("till"));
        assert_eq!(lost.read()["reply_to_not_own"], 2);
        assert_eq!(lost.read()["reply_to_unusable"], 1);
        assert_eq!(lost.reported().count(), 2);
    }
}
