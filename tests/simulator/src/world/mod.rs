//! The users and the messages of each day. One seed determines all of them.
//!
//! | file | content |
//! |---|---|
//! | `person` | the actions of a user on a day |
//! | `contract` | a user's subscription at the payment provider |
//! | `work` | a piece of work that is held and captured |
//! | `copies` | messages that are published twice |

mod claims;
mod contract;
mod copies;
mod person;
mod work;

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};

use super::{
    At,
    message::{Message, Request},
    rng::Rng,
};
use person::Person;

/// The number of days in the year.
pub const DAYS: i64 = 366;
/// The number of messages out of 10,000 that are published twice.
const TWICE: i64 = 500;

/// Generates the messages of each day.
#[derive(Debug)]
pub struct World {
    rng: Rng,
    people: Vec<Person>,
    /// The messages that are not published yet, by the day of their publication.
    scheduled: BTreeMap<i64, Vec<Message>>,
    /// The time at which the messages of the day before were published.
    last: At,
    next: u64,
}

/// Midnight at the beginning of a day. The first day of the year is 0.
pub fn midnight(day: i64) -> At {
    let first = NaiveDate::from_ymd_opt(2028, 1, 1).expect("a date");
    (first + TimeDelta::days(day))
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
}

impl World {
    /// A world with this seed and number of users.
    pub fn new(seed: u64, users: i64) -> Self {
        let mut rng = Rng::new(seed);
        let people = (0..users).map(|nth| Person::new(nth, &mut rng)).collect();
        Self {
            rng,
            people,
            scheduled: BTreeMap::new(),
            last: midnight(0),
            next: 0,
        }
    }

    /// The time at which the messages of a day are published. It differs from day to day.
    pub fn time_of(&mut self, day: i64) -> At {
        midnight(day) + TimeDelta::hours(9) + TimeDelta::seconds(self.rng.between(0, 14 * 3600))
    }

    /// The messages that are published on a day at `now`, in order.
    pub fn day(&mut self, day: i64, now: At) -> Vec<Message> {
        let mut happened = Vec::new();
        for person in &mut self.people {
            let mut today = Today {
                day,
                from: self.last,
                to: now,
                rng: &mut self.rng,
                next: &mut self.next,
                happened: Vec::new(),
            };
            person.live(&mut today);
            happened.append(&mut today.happened);
        }
        self.last = now;
        for message in happened {
            let late = self.lateness(&message);
            self.scheduled.entry(day + late).or_default().push(message);
        }
        let mut messages = self.scheduled.remove(&day).unwrap_or_default();
        messages.sort_by_key(|message| message.occurred_at);
        self.swap_neighbours(&mut messages);
        let copies = copies::with_copies(&messages, &mut self.rng, TWICE);
        for (later, index, copy) in copies {
            if later == 0 {
                messages.insert(index.min(messages.len()), copy);
            } else {
                self.scheduled.entry(day + later).or_default().push(copy);
            }
        }
        for message in &mut messages {
            let is_timed = !matches!(
                message.request,
                Request::Use { .. } | Request::Subscription { .. }
            );
            if !is_timed && self.rng.chance(100) {
                message.occurred_at = None;
            }
        }
        messages
    }

    /// The messages of a day are published in two parts. Returns the number of messages in the
    /// first part, and the pause before the second part in seconds.
    pub fn pause(&mut self, messages: usize) -> (usize, i64) {
        let last = i64::try_from(messages).expect("few");
        let first = usize::try_from(self.rng.between(0, last)).expect("in range");
        let pause = match self.rng.between(0, 3) {
            0 => 15 * 60,
            1 => 15 * 60 - 1,
            _ => self.rng.between(0, 30 * 60),
        };
        (first, pause)
    }

    /// Publishes a message once more on `day`.
    pub fn publish_again(&mut self, day: i64, message: Message) {
        self.scheduled.entry(day).or_default().push(message);
    }

    fn lateness(&mut self, message: &Message) -> i64 {
        let per_ten_thousand = match message.request {
            Request::Use { .. } => 400,
            Request::Subscription { .. } => 1_500,
            _ => 200,
        };
        if self.rng.chance(per_ten_thousand) {
            self.rng.between(1, 4)
        } else {
            0
        }
    }

    /// Swaps some neighbouring messages.
    fn swap_neighbours(&mut self, messages: &mut [Message]) {
        for index in 1..messages.len() {
            if self.rng.chance(1_000) {
                messages.swap(index - 1, index);
            }
        }
    }
}

/// A day of a user: the time between the previous and the current publication.
struct Today<'a> {
    day: i64,
    from: At,
    to: At,
    rng: &'a mut Rng,
    next: &'a mut u64,
    happened: Vec<Message>,
}

impl Today<'_> {
    /// A random instant of the day.
    fn instant(&mut self) -> At {
        let seconds = (self.to - self.from).num_seconds();
        self.from + TimeDelta::seconds(self.rng.between(1, seconds))
    }

    /// Adds a message and returns its reference.
    fn happens(&mut self, user: &str, at: At, request: Request) -> String {
        *self.next += 1;
        let kind = match request {
            Request::Use { .. } => "use",
            Request::Hold { .. } => "hold",
            Request::Capture { .. } | Request::Release { .. } => "work",
            Request::Refund { .. } => "back",
            Request::Register => "sign-up",
            Request::Promote(..) => "gift",
            Request::Buy { .. } => "pay",
            Request::Subscription { .. } => "sub",
            Request::Revoke { .. } | Request::Reinstate { .. } => "claim",
            Request::Forgive(_) | Request::Freeze | Request::Unfreeze => "ops",
        };
        let reference = format!("{kind}-{}", self.next);
        self.happened.push(Message {
            reference: reference.clone(),
            user: user.to_owned(),
            occurred_at: Some(at),
            request,
        });
        reference
    }
}
