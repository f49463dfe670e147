//! Messages that are published twice, under the same reference or under another one.

use crate::{
    message::{Extent, Item, Message, Request, Status},
    rng::Rng,
};

/// Copies of some messages of a day. For each copy: the number of days after which it is published,
/// its index among the messages of the day if that number is 0, and the message. Some copies have
/// another content under the same reference.
pub fn with_copies(
    messages: &[Message],
    rng: &mut Rng,
    of_ten_thousand: i64,
) -> Vec<(i64, usize, Message)> {
    let mut copies = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if !rng.chance(of_ten_thousand) {
            continue;
        }
        let mut copy = message.clone();
        if rng.chance(1_000) {
            alter(&mut copy);
        } else if rng.chance(1_500) && message.is_paid() {
            // The same payment or the same event under another reference.
            copy.reference.push_str("-again");
        }
        let later = if rng.chance(6_000) {
            0
        } else {
            rng.between(1, 25)
        };
        let behind = usize::try_from(rng.between(1, 20)).expect("small");
        copies.push((later, index + copies.len() + behind, copy));
    }
    copies
}

fn alter(message: &mut Message) {
    match &mut message.request {
        Request::Use {
            amount, quantity, ..
        }
        | Request::Hold {
            amount, quantity, ..
        }
        | Request::Capture {
            amount, quantity, ..
        } => {
            *quantity = None;
            *amount = Some(amount.unwrap_or(1) + 1);
        }
        Request::Revoke { extent, .. } => *extent = Extent::Credits(3),
        Request::Refund { amount, .. } | Request::Forgive(amount) => {
            *amount = Some(amount.unwrap_or(1) + 1);
        }
        Request::Promote(amount, _) => *amount += 1,
        Request::Buy { item, .. } => *item = Item::Credits(77, None),
        Request::Subscription { status, .. } => {
            *status = if *status == Status::Paused {
                Status::Active
            } else {
                Status::Paused
            };
        }
        Request::Release { .. }
        | Request::Reinstate { .. }
        | Request::Register
        | Request::Freeze
        | Request::Unfreeze => {
            message.user.push('x');
        }
    }
}
