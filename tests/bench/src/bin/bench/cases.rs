//! All cases, in the order in which each round measures them.

use crate::{
    case::{Case, Measurement, Profile, Unit},
    scrip::{Books, Setup},
    workload::{Mix, References, Users},
};

/// The usual setup: two lanes, as many users as a busy app has at the same time, and the largest
/// groups.
pub const USUAL: Setup = Setup {
    lanes: 2,
    users: Users::Uniform(10_000),
    mix: Mix::Consume,
    references: References::Ordered,
    group_max: 1_000,
    books: Books::Fresh,
    is_long: false,
};

const fn case(
    name: &'static str,
    description: &'static str,
    profile: Profile,
    unit: Unit,
    measurement: Measurement,
) -> Case {
    Case {
        name,
        description,
        profile,
        unit,
        measurement,
    }
}

const fn quick(name: &'static str, description: &'static str, measurement: Measurement) -> Case {
    case(name, description, Profile::Quick, Unit::Rate, measurement)
}

const fn full(name: &'static str, description: &'static str, measurement: Measurement) -> Case {
    case(name, description, Profile::Full, Unit::Rate, measurement)
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
        Measurement::BrokerDrain,
    ),
    quick(
        "broker-live",
        "broker alone: publish, confirm, deliver, acknowledge at once",
        Measurement::BrokerLive,
    ),
    quick(
        "pgbench",
        "pgbench TPC-B, prepared, 8 clients",
        Measurement::Pgbench,
    ),
    quick(
        "plain",
        "plain worker: one transaction per command, 8 tasks",
        Measurement::Plain,
    ),
    quick(
        "drain-2",
        "drain, 2 lanes, uniform",
        Measurement::Drain(USUAL),
    ),
    quick("live-2", "live, 2 lanes, uniform", Measurement::Live(USUAL)),
    quick(
        "drain-hot",
        "drain, 2 lanes, one hot wallet",
        Measurement::Drain(users(Users::One)),
    ),
    quick(
        "drain-long",
        "drain, 2 lanes, uniform, many commands",
        Measurement::Drain(long(USUAL)),
    ),
    quick(
        "drain-large",
        "drain, 2 lanes, uniform, many commands, large ledger",
        Measurement::Drain(long(books(Books::Large, Users::Scattered(10_000)))),
    ),
    quick(
        "drain-holds",
        "drain, 2 lanes, uniform, holds and their captures",
        Measurement::Drain(mix(Mix::Hold)),
    ),
    quick(
        "drain-groups-10",
        "drain, 2 lanes, groups of 10 at most",
        Measurement::Drain(groups(10)),
    ),
    case(
        "echo",
        "bare request and reply over the broker",
        Profile::Quick,
        Unit::Latency,
        Measurement::Echo(0),
    ),
    case(
        "outcome-idle",
        "command and outcome, idle",
        Profile::Quick,
        Unit::Latency,
        Measurement::Outcome(0),
    ),
    case(
        "http-outcome",
        "command and outcome over HTTP, idle",
        Profile::Quick,
        Unit::Latency,
        Measurement::HttpOutcome,
    ),
    quick(
        "sdk-publish",
        "publish and confirm, SDK, batches of 1,000",
        Measurement::SdkPublish,
    ),
    quick(
        "http-batch",
        "publish and confirm over HTTP, batches of 1,000",
        Measurement::HttpBatch,
    ),
    quick(
        "embedded-plain",
        "SQLite: one transaction per command, no queue",
        Measurement::EmbeddedPlain,
    ),
    quick(
        "embedded-drain",
        "embedded (SQLite): drain a full queue",
        Measurement::EmbeddedDrain,
    ),
    case(
        "cost-2",
        "processor time per command, drain, 2 lanes",
        Profile::Full,
        Unit::Cost,
        Measurement::Cost(USUAL),
    ),
    case(
        "cost-hot",
        "processor time per command, one hot wallet",
        Profile::Full,
        Unit::Cost,
        Measurement::Cost(users(Users::One)),
    ),
    full(
        "drain-users-1000",
        "drain, 2 lanes, uniform over 1,000 users",
        Measurement::Drain(users(Users::Uniform(1_000))),
    ),
    full(
        "drain-1",
        "drain, 1 lane, uniform",
        Measurement::Drain(lanes(1)),
    ),
    full(
        "drain-4",
        "drain, 4 lanes, uniform",
        Measurement::Drain(lanes(4)),
    ),
    full(
        "live-1",
        "live, 1 lane, uniform",
        Measurement::Live(lanes(1)),
    ),
    full(
        "live-4",
        "live, 4 lanes, uniform",
        Measurement::Live(lanes(4)),
    ),
    full(
        "live-hot",
        "live, 2 lanes, one hot wallet",
        Measurement::Live(users(Users::One)),
    ),
    full(
        "drain-zipf",
        "drain, 2 lanes, Zipf",
        Measurement::Drain(users(Users::Zipf(10_000))),
    ),
    full(
        "drain-random",
        "drain, 2 lanes, uniform, references in no order",
        Measurement::Drain(random(USUAL)),
    ),
    full(
        "drain-large-random",
        "drain, 2 lanes, large ledger, references in no order",
        Measurement::Drain(random(books(Books::Large, Users::Scattered(10_000)))),
    ),
    full(
        "drain-large-all",
        "drain, 2 lanes, large ledger, all of its users",
        Measurement::Drain(books(Books::Large, Users::All)),
    ),
    full(
        "drain-groups-1",
        "drain, 2 lanes, groups of 1",
        Measurement::Drain(groups(1)),
    ),
    full(
        "drain-groups-100",
        "drain, 2 lanes, groups of 100 at most",
        Measurement::Drain(groups(100)),
    ),
    full(
        "drain-batches-1",
        "drain, 2 lanes, 100 wallets of 1 batch",
        Measurement::Drain(books(Books::Batches(1), Users::Uniform(100))),
    ),
    full(
        "drain-batches-1000",
        "drain, 2 lanes, 100 wallets of 1,000 batches",
        Measurement::Drain(books(Books::Batches(1_000), Users::Uniform(100))),
    ),
    full(
        "drain-life",
        "drain, 2 lanes, realistic mix of commands and queries",
        Measurement::Drain(mix(Mix::Life)),
    ),
    full(
        "drain-trace",
        "drain, 2 lanes, the trace of real requests",
        Measurement::Drain(mix(Mix::Trace)),
    ),
    full(
        "embedded-live",
        "embedded (SQLite): applied while commands are enqueued",
        Measurement::EmbeddedLive,
    ),
    full(
        "processes-1",
        "drain of 8 shards by 1 process",
        Measurement::Processes(1),
    ),
    full(
        "processes-2",
        "drain of 8 shards by 2 processes",
        Measurement::Processes(2),
    ),
    full(
        "processes-4",
        "drain of 8 shards by 4 processes",
        Measurement::Processes(4),
    ),
    case(
        "takeover",
        "1 of 2 processes killed: time until all users are served again",
        Profile::Full,
        Unit::Time,
        Measurement::Takeover,
    ),
    case(
        "echo-10",
        "bare request and reply at 10% of live, which is only acknowledged",
        Profile::Full,
        Unit::Latency,
        Measurement::Echo(10),
    ),
    case(
        "outcome-10",
        "command and outcome at 10% of live, 2 lanes, uniform",
        Profile::Full,
        Unit::Latency,
        Measurement::Outcome(10),
    ),
    case(
        "echo-50",
        "bare request and reply at 50% of live, which is only acknowledged",
        Profile::Full,
        Unit::Latency,
        Measurement::Echo(50),
    ),
    case(
        "outcome-50",
        "command and outcome at 50% of live, 2 lanes, uniform",
        Profile::Full,
        Unit::Latency,
        Measurement::Outcome(50),
    ),
    case(
        "echo-90",
        "bare request and reply at 90% of live, which is only acknowledged",
        Profile::Full,
        Unit::Latency,
        Measurement::Echo(90),
    ),
    case(
        "outcome-90",
        "command and outcome at 90% of live, 2 lanes, uniform",
        Profile::Full,
        Unit::Latency,
        Measurement::Outcome(90),
    ),
];
