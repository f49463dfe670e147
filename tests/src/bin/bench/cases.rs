//! What is measured, in the order in which each round takes it.

use crate::{
    case::{Case, Profile, Unit, Way},
    scrip::{Books, Setup},
    workload::{Mix, References, Users},
};

/// Two lanes, as many users as a busy app has at work at once, groups as large as they get.
pub const USUAL: Setup = Setup {
    lanes: 2,
    users: Users::Uniform(10_000),
    mix: Mix::Consume,
    references: References::Ordered,
    group_max: 1_000,
    books: Books::Fresh,
    is_long: false,
};

const fn case(name: &'static str, what: &'static str, profile: Profile, unit: Unit, way: Way) -> Case {
    Case {
        name,
        what,
        profile,
        unit,
        way,
    }
}

const fn quick(name: &'static str, what: &'static str, way: Way) -> Case {
    case(name, what, Profile::Quick, Unit::Rate, way)
}

const fn full(name: &'static str, what: &'static str, way: Way) -> Case {
    case(name, what, Profile::Full, Unit::Rate, way)
}

const fn lanes(lanes: u32) -> Setup {
    Setup { lanes, ..USUAL }
}

const fn groups(group_max: u16) -> Setup {
    Setup { group_max, ..USUAL }
}

const fn users(users: Users) -> Setup {
    Setup { users, ..USUAL }
}

const fn books(books: Books, users: Users) -> Setup {
    Setup {
        users,
        books,
        ..USUAL
    }
}

const fn long(setup: Setup) -> Setup {
    Setup {
        is_long: true,
        ..setup
    }
}

const fn mix(mix: Mix) -> Setup {
    Setup { mix, ..USUAL }
}

const fn random(setup: Setup) -> Setup {
    Setup {
        references: References::Random,
        ..setup
    }
}

/// All cases.
pub static ALL: &[Case] = &[
    quick(
        "broker-drain",
        "broker alone: drain a full queue, acknowledge only",
        Way::BrokerDrain,
    ),
    quick(
        "broker-live",
        "broker alone: publish, confirm, deliver, acknowledge at once",
        Way::BrokerLive,
    ),
    quick("pgbench", "pgbench TPC-B, prepared, 8 clients", Way::Pgbench),
    quick(
        "plain",
        "plain worker: one transaction a command, 8 tasks",
        Way::Plain,
    ),
    quick("drain-2", "drain, 2 lanes, uniform", Way::Drain(USUAL)),
    quick("live-2", "live, 2 lanes, uniform", Way::Live(USUAL)),
    quick(
        "drain-hot",
        "drain, 2 lanes, one hot wallet",
        Way::Drain(users(Users::One)),
    ),
    quick(
        "drain-long",
        "drain, 2 lanes, uniform, many commands",
        Way::Drain(long(USUAL)),
    ),
    quick(
        "drain-large",
        "drain, 2 lanes, uniform, many commands, large ledger",
        Way::Drain(long(books(Books::Large, Users::Scattered(10_000)))),
    ),
    quick(
        "drain-groups-10",
        "drain, 2 lanes, groups of 10 at most",
        Way::Drain(groups(10)),
    ),
    case(
        "echo",
        "bare request and reply over the broker",
        Profile::Quick,
        Unit::Latency,
        Way::Echo(0),
    ),
    case(
        "outcome-idle",
        "command and outcome, idle",
        Profile::Quick,
        Unit::Latency,
        Way::Outcome(0),
    ),
    quick(
        "embedded-plain",
        "SQLite: one transaction a command, no queue",
        Way::EmbeddedPlain,
    ),
    quick(
        "embedded-drain",
        "embedded (SQLite): drain a full queue",
        Way::EmbeddedDrain,
    ),
    case(
        "cost-2",
        "processor time a command, drain, 2 lanes",
        Profile::Full,
        Unit::Cost,
        Way::Cost(USUAL),
    ),
    case(
        "cost-hot",
        "processor time a command, one hot wallet",
        Profile::Full,
        Unit::Cost,
        Way::Cost(users(Users::One)),
    ),
    full(
        "drain-users-1000",
        "drain, 2 lanes, uniform over 1,000 users",
        Way::Drain(users(Users::Uniform(1_000))),
    ),
    full("drain-1", "drain, 1 lane, uniform", Way::Drain(lanes(1))),
    full("drain-4", "drain, 4 lanes, uniform", Way::Drain(lanes(4))),
    full("live-1", "live, 1 lane, uniform", Way::Live(lanes(1))),
    full("live-4", "live, 4 lanes, uniform", Way::Live(lanes(4))),
    full(
        "live-hot",
        "live, 2 lanes, one hot wallet",
        Way::Live(users(Users::One)),
    ),
    full(
        "drain-zipf",
        "drain, 2 lanes, Zipf",
        Way::Drain(users(Users::Zipf(10_000))),
    ),
    full(
        "drain-random",
        "drain, 2 lanes, uniform, references in no order",
        Way::Drain(random(USUAL)),
    ),
    full(
        "drain-large-random",
        "drain, 2 lanes, large ledger, references in no order",
        Way::Drain(random(books(Books::Large, Users::Scattered(10_000)))),
    ),
    full(
        "drain-large-all",
        "drain, 2 lanes, large ledger, all of its users",
        Way::Drain(books(Books::Large, Users::All)),
    ),
    full(
        "drain-groups-1",
        "drain, 2 lanes, groups of 1",
        Way::Drain(groups(1)),
    ),
    full(
        "drain-groups-100",
        "drain, 2 lanes, groups of 100 at most",
        Way::Drain(groups(100)),
    ),
    full(
        "drain-batches-1",
        "drain, 2 lanes, 100 wallets of 1 batch",
        Way::Drain(books(Books::Batches(1), Users::Uniform(100))),
    ),
    full(
        "drain-batches-1000",
        "drain, 2 lanes, 100 wallets of 1,000 batches",
        Way::Drain(books(Books::Batches(1_000), Users::Uniform(100))),
    ),
    full(
        "drain-life",
        "drain, 2 lanes, mixed as in life, queries with their replies",
        Way::Drain(mix(Mix::Life)),
    ),
    full(
        "drain-trace",
        "drain, 2 lanes, the trace of real requests",
        Way::Drain(mix(Mix::Trace)),
    ),
    full(
        "embedded-live",
        "embedded (SQLite): applied while commands are put into the queue",
        Way::EmbeddedLive,
    ),
    full("processes-1", "drain of 8 shards by 1 process", Way::Processes(1)),
    full(
        "processes-2",
        "drain of 8 shards by 2 processes",
        Way::Processes(2),
    ),
    full(
        "processes-4",
        "drain of 8 shards by 4 processes",
        Way::Processes(4),
    ),
    case(
        "takeover",
        "1 of 2 processes killed: until all its users are served again",
        Profile::Full,
        Unit::Time,
        Way::Takeover,
    ),
    case(
        "echo-10",
        "bare request and reply beside 10% of live, which is only acknowledged",
        Profile::Full,
        Unit::Latency,
        Way::Echo(10),
    ),
    case(
        "outcome-10",
        "command and outcome at 10% of live, 2 lanes, uniform",
        Profile::Full,
        Unit::Latency,
        Way::Outcome(10),
    ),
    case(
        "echo-50",
        "bare request and reply beside 50% of it",
        Profile::Full,
        Unit::Latency,
        Way::Echo(50),
    ),
    case(
        "outcome-50",
        "command and outcome at 50% of it",
        Profile::Full,
        Unit::Latency,
        Way::Outcome(50),
    ),
    case(
        "echo-90",
        "bare request and reply beside 90% of it",
        Profile::Full,
        Unit::Latency,
        Way::Echo(90),
    ),
    case(
        "outcome-90",
        "command and outcome at 90% of it",
        Profile::Full,
        Unit::Latency,
        Way::Outcome(90),
    ),
];
