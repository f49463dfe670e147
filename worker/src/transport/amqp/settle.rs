//! Carries out the settlements of a group.

use tokio::task::yield_now;

use super::{
    incoming::Ticket, interruption::Interruption, options::InboundOptions, outgoing,
    publisher::Publisher, subscription::Subscription,
};
use crate::pipeline::{Settled, Settlement};

/// Sends the replies, then publishes dead letters and delayed messages, then acknowledges the
/// deliveries.
pub async fn settle(
    options: &InboundOptions,
    publisher: &Publisher,
    subscription: &Subscription,
    settled: Vec<Settled<Ticket>>,
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
        publisher.publish(messages).await?;
    }
    if is_awaited {
        // A sender waits for its reply and nothing waits for the acknowledgement, so the publisher
        // runs first.
        yield_now().await;
    }
    subscription.ack_through(last).await?;
    Ok(())
}
