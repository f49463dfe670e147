//! Counts replies that are not sent, by reason, and reports senders whose `reply_to` cannot be used.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use lapin::{BasicProperties, types::ShortString};
use producer_sdk::contract::{ReplyToError, Topology};
use tracing::warn;

use super::reported_senders::{MOST_SENDERS, ReportedSenders, shortened};
use crate::lane::ByName;

/// Why a reply is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostReply {
    /// Too many replies wait already, in number or in bytes.
    BufferFull,
    /// The broker is short of memory or disk.
    BrokerBlocked,
    /// The broker closed the channel on which it was sent.
    BrokerRefused,
    /// `reply_to` names no queue that replies may go to.
    ReplyToUnusable,
    /// `reply_to` names the reply queue of an account that is not the sender's, as far as the broker has verified it.
    ReplyToNotOwn,
    /// A direct reply-to of a node that the broker does not know, or that could not be tried.
    NodeUnknown,
}

impl LostReply {
    const ALL: [Self; 6] = [
        Self::BufferFull,
        Self::BrokerBlocked,
        Self::BrokerRefused,
        Self::ReplyToUnusable,
        Self::ReplyToNotOwn,
        Self::NodeUnknown,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::BufferFull => "buffer_full",
            Self::BrokerBlocked => "broker_blocked",
            Self::BrokerRefused => "broker_refused",
            Self::ReplyToUnusable => "reply_to_unusable",
            Self::ReplyToNotOwn => "reply_to_not_own",
            Self::NodeUnknown => "node_unknown",
        }
    }
}

/// The counters, shared by the tasks that send replies and by health.
#[derive(Clone, Debug)]
pub struct LostReplies {
    counts: Arc<ByName>,
    reported: Arc<Mutex<ReportedSenders>>,
}

impl Default for LostReplies {
    fn default() -> Self {
        let reasons = LostReply::ALL.map(|reason| reason.as_str().into());
        Self {
            counts: Arc::new(ByName::of(reasons)),
            reported: Arc::default(),
        }
    }
}

impl LostReplies {
    /// Counts `replies` of them.
    pub fn add(&self, reason: LostReply, replies: usize) {
        for _ in 0..replies {
            self.counts.add(reason.as_str().into());
        }
    }

    /// The counters by reason. Each reason is there from the beginning.
    pub fn read(&self) -> BTreeMap<String, u64> {
        let counts = self.counts.read().into_iter();
        counts
            .map(|(reason, count)| (reason.into_owned(), count))
            .collect()
    }

    /// All of them.
    pub fn sum(&self) -> u64 {
        self.counts.sum()
    }

    /// Counts a message whose `reply_to` cannot be used, and reports its sender once. The command is carried out all the
    /// same, and its sender waits for a reply that does not come. `sender` is the account that sent it, if that is known.
    pub fn look_at(&self, topology: &Topology, properties: &BasicProperties, sender: Option<&str>) {
        let Some(queue) = properties.reply_to().as_ref().map(ShortString::as_str) else {
            return;
        };
        let Err(refused) = topology.check_reply_to(queue, sender) else {
            return;
        };
        self.add(refused.into(), 1);
        let app = properties.app_id().as_ref().map(ShortString::as_str);
        let (is_new, is_last) =
            self.reported()
                .note(&(refused, sender, app, sender.or(app).is_none().then_some(queue)));
        if is_new {
            warn!(
                reply_to = shortened(queue),
                user = sender.map(shortened),
                app = app.map(shortened),
                message_id = properties.message_id().as_ref().map(|id| shortened(id.as_str())),
                remedy = remedy(refused),
                "no reply can be sent: {refused}"
            );
        }
        if is_last {
            warn!(
                senders = MOST_SENDERS,
                "further senders whose `reply_to` cannot be used are counted only, for an hour"
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
            "set `user_id` to the account of the connection and `reply_to` to `{namespace}.reply.{that account}`, or use \
             a queue that the broker names"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_that_ask_for_a_reply_in_vain_are_counted() {
        let (topology, lost) = (Topology::new("t", 1).unwrap(), LostReplies::default());
        let asking = |queue: &str| BasicProperties::default().with_reply_to(queue.into());
        lost.look_at(&topology, &BasicProperties::default(), None);
        lost.look_at(&topology, &asking("amq.gen-1"), None);
        assert_eq!(lost.sum(), 0);
        lost.look_at(&topology, &asking("t.dead"), None);
        lost.look_at(&topology, &asking("t.dead"), None);
        assert_eq!(lost.read()["reply_to_unusable"], 2);
        assert_eq!(lost.read().len(), LostReply::ALL.len());
        assert_eq!(lost.reported().count(), 1);
        assert_eq!(lost.read()["reply_to_not_own"], 0);
    }

    #[test]
    fn a_reply_queue_of_another_account_is_counted_and_reported_by_itself() {
        let (topology, lost) = (Topology::new("t", 1).unwrap(), LostReplies::default());
        let asking = |queue: &str| BasicProperties::default().with_reply_to(queue.into());
        lost.look_at(&topology, &asking("t.reply.shop"), Some("shop"));
        assert_eq!(lost.sum(), 0);
        lost.look_at(&topology, &asking("t.reply.shop"), Some("till"));
        lost.look_at(&topology, &asking("t.reply.shop"), Some("till"));
        lost.look_at(&topology, &asking("t.dead"), Some("till"));
        assert_eq!(lost.read()["reply_to_not_own"], 2);
        assert_eq!(lost.read()["reply_to_unusable"], 1);
        assert_eq!(lost.reported().count(), 2);
    }
}
