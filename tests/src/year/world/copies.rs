//! What is published twice, under the same reference or under another one.

use crate::year::{
    dice::Dice,
    message::{Item, Message, Says, What},
};

/// Copies of some of a day's messages: how many days later each is published, where among the messages of that day if on
/// the same one, and what. Some ask for something else under the same reference.
pub fn of(messages: &[Message], dice: &mut Dice, of_ten_thousand: i64) -> Vec<(i64, usize, Message)> {
    let mut copies = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        if !dice.chance(of_ten_thousand) {
            continue;
        }
        let mut copy = message.clone();
        if dice.chance(1_000) {
            alter(&mut copy);
        } else if dice.chance(1_500) && message.is_paid() {
            // The same payment, or the same event, under another name.
            copy.reference.push_str("-again");
        }
        let later = if dice.chance(6_000) {
            0
        } else {
            dice.between(1, 25)
        };
        let behind = usize::try_from(dice.between(1, 20)).expect("small");
        copies.push((later, place + copies.len() + behind, copy));
    }
    copies
}

fn alter(message: &mut Message) {
    match &mut message.what {
        What::Use { amount, quantity, .. } => {
            *quantity = None;
            *amount = Some(amount.unwrap_or(1) + 1);
        }
        What::Promote(amount, _) => *amount += 1,
        What::Buy { item, .. } => *item = Item::Credits(77, None),
        What::Subscription { says, .. } => {
            *says = if *says == Says::Paused {
                Says::Active
            } else {
                Says::Paused
            };
        }
        What::Register | What::Freeze | What::Unfreeze => message.user.push('x'),
    }
}
