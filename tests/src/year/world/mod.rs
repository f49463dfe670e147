//! Who publishes what, and when: all of it follows from one seed.
//!
//! | file | what |
//! |---|---|
//! | `person` | one user's day |
//! | `contract` | one user's subscription, as the payment provider sees it |
//! | `copies` | what is published twice |

mod contract;
mod copies;
mod person;

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};

use super::{
    At,
    dice::Dice,
    message::{Message, What},
};
use person::Person;

/// Days of the year.
pub const DAYS: i64 = 366;
/// How many of 10,000 messages are published twice.
const TWICE: i64 = 500;

/// Who publishes what, and when.
#[derive(Debug)]
pub struct World {
    dice: Dice,
    people: Vec<Person>,
    /// What happened before it is published, by the day on which it is.
    to_come: BTreeMap<i64, Vec<Message>>,
    /// When the messages of the day before were published.
    last: At,
    next: u64,
}

/// Midnight at the beginning of a day of the year.
pub fn midnight(day: i64) -> At {
    let first = NaiveDate::from_ymd_opt(2028, 1, 1).expect("a date");
    (first + TimeDelta::days(day))
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
}

impl World {
    /// The world of a seed with so many users.
    pub fn new(seed: u64, users: i64) -> Self {
        let mut dice = Dice::new(seed);
        let people = (0..users).map(|nth| Person::new(nth, &mut dice)).collect();
        Self {
            dice,
            people,
            to_come: BTreeMap::new(),
            last: midnight(0),
            next: 0,
        }
    }

    /// When the messages of a day are published: once a day, at another time each day.
    pub fn time_of(&mut self, day: i64) -> At {
        midnight(day) + TimeDelta::hours(9) + TimeDelta::seconds(self.dice.between(0, 14 * 3600))
    }

    /// Everything that is published on a day at `now`, in order.
    pub fn day(&mut self, day: i64, now: At) -> Vec<Message> {
        let mut happened = Vec::new();
        for person in &mut self.people {
            let mut today = Today {
                day,
                from: self.last,
                to: now,
                dice: &mut self.dice,
                next: &mut self.next,
                happened: Vec::new(),
            };
            person.live(&mut today);
            happened.append(&mut today.happened);
        }
        self.last = now;
        for message in happened {
            let late = self.lateness(&message);
            self.to_come.entry(day + late).or_default().push(message);
        }
        let mut messages = self.to_come.remove(&day).unwrap_or_default();
        messages.sort_by_key(|message| message.occurred_at);
        self.stir(&mut messages);
        let copies = copies::of(&messages, &mut self.dice, TWICE);
        for (later, place, copy) in copies {
            if later == 0 {
                messages.insert(place.min(messages.len()), copy);
            } else {
                self.to_come.entry(day + later).or_default().push(copy);
            }
        }
        for message in &mut messages {
            let is_timed = !matches!(message.what, What::Use { .. } | What::Subscription { .. });
            if !is_timed && self.dice.chance(100) {
                message.occurred_at = None;
            }
        }
        messages
    }

    /// The messages of a day are published in two parts: how many of them first, and how many seconds later the others.
    pub fn pause(&mut self, messages: usize) -> (usize, i64) {
        let last = i64::try_from(messages).expect("few");
        let first = usize::try_from(self.dice.between(0, last)).expect("in range");
        let pause = match self.dice.between(0, 3) {
            0 => 15 * 60,
            1 => 15 * 60 - 1,
            _ => self.dice.between(0, 30 * 60),
        };
        (first, pause)
    }

    /// Publishes a message once more, so many days from `day`.
    pub fn again(&mut self, day: i64, message: Message) {
        self.to_come.entry(day).or_default().push(message);
    }

    fn lateness(&mut self, message: &Message) -> i64 {
        let per_ten_thousand = match message.what {
            What::Use { .. } => 400,
            What::Subscription { .. } => 1_500,
            _ => 200,
        };
        if self.dice.chance(per_ten_thousand) {
            self.dice.between(1, 4)
        } else {
            0
        }
    }

    /// Neighbours change places now and then.
    fn stir(&mut self, messages: &mut [Message]) {
        for place in 1..messages.len() {
            if self.dice.chance(1_000) {
                messages.swap(place - 1, place);
            }
        }
    }
}

/// A day as a user lives it: from the last time that messages were published until this time.
struct Today<'a> {
    day: i64,
    from: At,
    to: At,
    dice: &'a mut Dice,
    next: &'a mut u64,
    happened: Vec<Message>,
}

impl Today<'_> {
    /// Some instant of the day.
    fn instant(&mut self) -> At {
        let seconds = (self.to - self.from).num_seconds();
        self.from + TimeDelta::seconds(self.dice.between(1, seconds))
    }

    fn happens(&mut self, user: &str, at: At, what: What) {
        *self.next += 1;
        let kind = match what {
            What::Use { .. } => "use",
            What::Register => "sign-up",
            What::Promote(..) => "gift",
            What::Buy { .. } => "pay",
            What::Subscription { .. } => "sub",
            What::Freeze | What::Unfreeze => "ops",
        };
        self.happened.push(Message {
            reference: format!("{kind}-{}", self.next),
            user: user.to_owned(),
            occurred_at: Some(at),
            what,
        });
    }
}
