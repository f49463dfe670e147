//! What is sent: which commands, of which users.

use producer_sdk::contract::{Command, Query};
use tests::trace;

use crate::{large, stage::Stage};

/// How commands are spread over users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// Over so many, evenly and at random.
    Uniform(u32),
    /// Over so many that are scattered over the large ledger, evenly and at random.
    Scattered(u32),
    /// Over all of the large ledger, evenly and at random.
    All,
    /// Over so many, the n-th of them about n times as seldom as the first.
    Zipf(u32),
    /// All of one user.
    One,
}

/// Which commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// One credit each.
    Consume,
    /// Of a hundred 90 consume, 5 are gifts, 3 purchases, and 2 queries for a balance.
    Life,
    /// The trace of real requests, with its sign-ups and purchases.
    Trace,
}

/// How apps make their references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// Each greater than the one before, as `UUIDv7` are.
    Ordered,
    /// In no order, as `UUIDv4` are.
    Random,
}

/// What is sent.
#[derive(Debug)]
pub enum Message {
    Command(Command),
    Query(Query),
}

/// A number of messages, unlike those of any other workload.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Which one: in all references.
    number: u32,
    pub users: u32,
    spread: Users,
    /// How far users are from each other.
    distance: u32,
    mix: Mix,
    references: References,
    /// Messages, queries included.
    pub messages: usize,
    trace: Vec<String>,
}

const GIFT: i64 = 10;
const PURCHASE: i64 = 100;

impl Workload {
    /// Commands that spend one credit each.
    pub fn consume(stage: &mut Stage, spread: Users, messages: usize) -> Self {
        Self::of(stage, spread, (Mix::Consume, References::Ordered), messages)
    }

    /// Of any kind; the trace is as long as it is.
    pub fn of(
        stage: &mut Stage,
        spread: Users,
        (mix, references): (Mix, References),
        messages: usize,
    ) -> Self {
        let users = match (mix, spread) {
            // They sign up and buy themselves.
            (Mix::Trace, _) => 0,
            (_, Users::Uniform(users) | Users::Zipf(users) | Users::Scattered(users)) => users,
            (_, Users::All) => stage.sizes.large.wallets,
            (_, Users::One) => 1,
        };
        let trace = match mix {
            Mix::Trace => trace::commands(),
            Mix::Consume | Mix::Life => Vec::new(),
        };
        Self {
            number: stage.next_workload(),
            users,
            spread,
            distance: match spread {
                Users::Scattered(users) => stage.sizes.large.wallets / users,
                _ => 1,
            },
            mix,
            references,
            messages: if trace.is_empty() { messages } else { trace.len() },
            trace,
        }
    }

    /// The messages, in the order in which they are sent.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        (0..self.messages).map(|n| self.message(n))
    }

    /// The messages that commands are among.
    pub fn commands(&self) -> usize {
        self.messages - self.queries()
    }

    /// The queries among them.
    pub fn queries(&self) -> usize {
        (0..self.messages)
            .filter(|n| matches!(self.kind(*n), Kind::Query))
            .count()
    }

    /// By how much they change what all wallets hold together; `None`: that is for the ledger to say.
    pub fn moved(&self) -> Option<i64> {
        let moved = |n| match self.kind(n) {
            Kind::Consume => Some(-1),
            Kind::Gift => Some(GIFT),
            Kind::Purchase => Some(PURCHASE),
            Kind::Query => Some(0),
            Kind::Traced => None,
        };
        (0..self.messages).map(moved).sum()
    }

    /// The commands as they are sent, when nothing but commands is.
    pub fn only_commands(&self) -> impl Iterator<Item = Command> {
        self.messages().filter_map(|message| match message {
            Message::Command(command) => Some(command),
            Message::Query(_) => None,
        })
    }

    fn kind(&self, n: usize) -> Kind {
        match (self.mix, n % 100) {
            (Mix::Trace, _) => Kind::Traced,
            (Mix::Life, 90..95) => Kind::Gift,
            (Mix::Life, 95..98) => Kind::Purchase,
            (Mix::Life, 98..) => Kind::Query,
            (Mix::Consume | Mix::Life, _) => Kind::Consume,
        }
    }

    fn message(&self, n: usize) -> Message {
        let user = || large::user(self.user(n));
        let reference = || match self.references {
            References::Ordered => format!("{}-{n:016x}", self.number),
            References::Random => format!("{:016x}-{}", scattered(n as u64), self.number),
        };
        Message::Command(match self.kind(n) {
            Kind::Consume => Command::consume(reference(), user(), "google:fast"),
            Kind::Gift => Command::promotion(reference(), user(), GIFT),
            Kind::Purchase => Command::purchase_credits(reference(), user(), PURCHASE, reference()),
            Kind::Query => return Message::Query(Query::balance(user())),
            Kind::Traced => Command::from_json(self.trace[n].as_bytes()).expect("a command"),
        })
    }

    fn user(&self, n: usize) -> u32 {
        let drawn = scattered(n as u64 ^ (u64::from(self.number) << 40));
        match self.spread {
            Users::Uniform(_) | Users::All => below(drawn, self.users),
            Users::Scattered(_) => below(drawn, self.users) * self.distance,
            Users::Zipf(_) => zipf(drawn, self.users),
            Users::One => 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Consume,
    Gift,
    Purchase,
    Query,
    Traced,
}

fn below(drawn: u64, bound: u32) -> u32 {
    u32::try_from(drawn % u64::from(bound.max(1))).expect("below a u32")
}

/// A rank below `bound`, the n-th with a weight of about 1/n.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a fraction of one, and a rank below a u32"
)]
fn zipf(drawn: u64, bound: u32) -> u32 {
    let fraction = (drawn >> 11) as f64 / (1_u64 << 53) as f64;
    let rank = f64::from(bound + 1).powf(fraction) as u32;
    rank.clamp(1, bound) - 1
}

/// Consecutive numbers, scattered: the finalizer of splitmix64.
const fn scattered(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
