//! The messages of a measurement: their kinds, users and references.

use producer_sdk::contract::{Command, Query};
use simulator::trace;

use crate::{fixture::Fixture, large};

/// The distribution of commands over users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// A uniform distribution over this number of users.
    Uniform(u32),
    /// A uniform distribution over this number of users, who are scattered over the large ledger.
    Scattered(u32),
    /// A uniform distribution over all users of the large ledger.
    All,
    /// A Zipf distribution over this number of users: the n-th user has about 1/n of the commands
    /// of the first user.
    Zipf(u32),
    /// All commands belong to one user.
    One,
}

/// The kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Consumptions of one credit.
    Consume,
    /// 90 % consumptions, 5 % promotions, 3 % purchases, and 2 % queries for a balance.
    Life,
    /// Holds of one credit in turn with their captures.
    Hold,
    /// The trace of real requests with its registrations and purchases.
    Trace,
}

/// The order of references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// Each reference is greater than the one before, as with `UUIDv7`.
    Ordered,
    /// References have no order, as with `UUIDv4`.
    Random,
}

#[derive(Debug)]
pub enum Message {
    Command(Command),
    Query(Query),
}

/// A number of messages that differ from those of any other workload.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The number of the workload. All references contain it.
    number: u32,
    pub users: u32,
    spread: Users,
    /// The distance between the numbers of two users.
    distance: u32,
    mix: Mix,
    references: References,
    /// The number of messages, including queries.
    pub messages: usize,
    trace: Vec<String>,
}

const GIFT: i64 = 10;
const PURCHASE: i64 = 100;

impl Workload {
    /// A workload of commands that spend one credit each.
    pub fn consume(fixture: &mut Fixture, spread: Users, messages: usize) -> Self {
        Self::new(
            fixture,
            spread,
            (Mix::Consume, References::Ordered),
            messages,
        )
    }

    /// A workload of any kind. For the trace the number of messages is that of the trace.
    pub fn new(
        fixture: &mut Fixture,
        spread: Users,
        (mix, references): (Mix, References),
        messages: usize,
    ) -> Self {
        let users = match (mix, spread) {
            // The trace registers its users and purchases their credits.
            (Mix::Trace, _) => 0,
            (_, Users::Uniform(users) | Users::Zipf(users) | Users::Scattered(users)) => users,
            (_, Users::All) => fixture.sizes.large.wallets,
            (_, Users::One) => 1,
        };
        let trace = match mix {
            Mix::Trace => trace::commands(),
            Mix::Consume | Mix::Life | Mix::Hold => Vec::new(),
        };
        Self {
            number: fixture.next_workload(),
            users,
            spread,
            distance: match spread {
                Users::Scattered(users) => fixture.sizes.large.wallets / users,
                _ => 1,
            },
            mix,
            references,
            messages: if trace.is_empty() {
                messages
            } else {
                trace.len()
            },
            trace,
        }
    }

    /// The messages in the order of sending.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        (0..self.messages).map(|n| self.message(n))
    }

    /// The number of commands.
    pub fn commands(&self) -> usize {
        self.messages - self.queries()
    }

    /// The number of queries.
    pub fn queries(&self) -> usize {
        (0..self.messages)
            .filter(|n| matches!(self.kind(*n), Kind::Query))
            .count()
    }

    /// The change of the total balance by all messages; `None` if it depends on the ledger.
    pub fn moved(&self) -> Option<i64> {
        let moved = |n| match self.kind(n) {
            Kind::Consume | Kind::Capture => Some(-1),
            Kind::Gift => Some(GIFT),
            Kind::Purchase => Some(PURCHASE),
            Kind::Query | Kind::Hold => Some(0),
            Kind::Traced => None,
        };
        (0..self.messages).map(moved).sum()
    }

    /// The commands in the order of sending, without queries.
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
            (Mix::Hold, n) if n % 2 == 0 => Kind::Hold,
            (Mix::Hold, _) => Kind::Capture,
            (Mix::Consume | Mix::Life, _) => Kind::Consume,
        }
    }

    fn message(&self, n: usize) -> Message {
        let kind = self.kind(n);
        // A capture belongs to the hold that is the message before it.
        let of_user = n - usize::from(matches!(kind, Kind::Capture));
        let user = || large::user(self.user(of_user));
        let reference_of = |n: usize| match self.references {
            References::Ordered => format!("{}-{n:016x}", self.number),
            References::Random => format!("{:016x}-{}", scattered(n as u64), self.number),
        };
        let reference = || reference_of(n);
        Message::Command(match kind {
            Kind::Consume => Command::consume(reference(), user(), "google:fast"),
            Kind::Hold => Command::hold(reference(), user(), "google:fast"),
            Kind::Capture => Command::capture(reference(), user(), reference_of(of_user)),
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
    Hold,
    Capture,
    Gift,
    Purchase,
    Query,
    Traced,
}

fn below(drawn: u64, bound: u32) -> u32 {
    u32::try_from(drawn % u64::from(bound.max(1))).expect("below a u32")
}

/// A rank below `bound`. The n-th rank has a weight of about 1/n.
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

/// The finalizer of splitmix64, which scatters consecutive numbers.
const fn scattered(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
