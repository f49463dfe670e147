//! Carries out the settlements of a group.

use std::time::Duration;

use tokio::{task::yield_now, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    incoming::Ticket, interruption::Interruption, options::InboundOptions, outgoing,
    publisher::Publisher, subscription::Subscription,
};
use crate::pipeline::{Settled, Settlement};

/// How long a lane that stops still waits for the confirms of its dead letters and delayed
/// messages.
const CONFIRM_AFTER_STOP: Duration = Duration::from_secs(5);

/// Sends the replies, then publishes dead letters and delayed messages, then acknowledges the
/// deliveries.
///
/// A lane must not keep the others from connecting again while it waits for a queue that takes no
/// dead letters. So the wait ends some time after `stop`, and the deliveries come again.
pub async fn settle(
    options: &InboundOptions,
    publisher: &Publisher,
    subscription: &Subscription,
    settled: Vec<Settled<Ticket>>,
    stop: &CancellationToken,
) -> Result<(), Interruption> {
    let Some(last) = settled.last().map(|settled| settled.delivery.ticket.tag) else {
        return Ok(());
    };
    let topology = &options.topology;
    let mut messages = Vec::new();
    let mut is_awaited = false;
    for Settled {
        delivery,
        settlement,
        reply,
    } in settled
    {
        if let Some(reply) = reply {
            publisher.reply(reply);
            is_awaited = true;
        }
        match settlement {
            Settlement::Ack => {}
            Settlement::Delay(delay) => {
                messages.push(outgoing::delayed(topology, delivery, &delay));
            }
            Settlement::Dead(dead) => {
                if publisher.rejections().keeps(&delivery, &dead) {
                    let now = options.clock.now();
                    messages.push(outgoing::dead(topology, delivery, &dead, now));
                }
            }
        }
    }
    if !messages.is_empty() {
        let given_up = async {
            stop.cancelled().await;
            sleep(CONFIRM_AFTER_STOP).await;
        };
        tokio::select! {
            published = publisher.publish(messages) => published?,
            () = given_up => return Err(Interruption::Drained),
        }
    }
    if is_awaited {
        // A sender waits for its reply and nothing waits for the acknowledgement, so the publisher
        // runs first.
        yield_now().await;
    }
    subscription.ack_through(last).await?;
    Ok(())
}
