//! The throughput of Scrip on RabbitMQ and PostgreSQL.

use std::time::Instant;

use testkit::{broker::TestBroker, db::TestDatabase};

use crate::{
    cpu::Cpu,
    fixture::Fixture,
    lanes::Lanes,
    ledger::Ledger,
    publisher::Publisher,
    report::rate,
    workload::{Mix, References, Users, Workload},
};

/// The ledger of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Books {
    /// A new ledger with one batch per wallet.
    Fresh,
    /// A new ledger with this number of batches per wallet.
    Batches(u32),
    /// The large ledger.
    Large,
}

/// The parameters of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    pub lanes: u32,
    pub users: Users,
    pub mix: Mix,
    pub references: References,
    pub group_max: u16,
    pub books: Books,
    /// Whether the drain has many more commands than usual.
    pub is_long: bool,
}

impl Setup {
    fn workload(&self, fixture: &mut Fixture, messages: usize) -> Workload {
        Workload::new(fixture, self.users, (self.mix, self.references), messages)
    }
}

/// Creates or opens the ledger for a workload.
async fn ledger(fixture: &Fixture, books: Books, users: u32) -> Ledger {
    let batches = match books {
        Books::Large => return fixture.large().await,
        Books::Fresh => 1,
        Books::Batches(batches) => batches,
    };
    Ledger::with_batches(TestDatabase::postgres().await, users, batches).await
}

/// The rate and the cost of a drain.
pub struct Drained {
    /// Commands and queries per second.
    pub rate: f64,
    /// Microseconds of processor time per message, for this process, the database and the broker.
    pub cost: Vec<f64>,
}

/// Drains full queues.
pub async fn drain(fixture: &mut Fixture, setup: &Setup) -> Drained {
    // Small groups take longer.
    let messages = match setup.group_max {
        ..10 => fixture.sizes.plain,
        10..100 => fixture.sizes.drain / 4,
        _ if setup.is_long => fixture.sizes.long_drain,
        _ => fixture.sizes.drain,
    };
    let workload = setup.workload(fixture, messages);
    let ledger = ledger(fixture, setup.books, workload.users).await;
    let before = ledger.totals().await;
    let broker = TestBroker::with_shards(setup.lanes).await;
    let mut replies = broker.replies().await;
    let mut publisher = Publisher::to(&broker).await;
    publisher.reply_to(replies.queue());
    for message in workload.messages() {
        publisher.publish(&message).await;
    }
    publisher.close().await;

    let lanes = Lanes::start(&ledger, &broker, setup.group_max).await;
    let (early, cpu) = (lanes.settled(), Cpu::now());
    let started = Instant::now();
    lanes.until_settled(workload.commands()).await;
    for _ in 0..workload.queries() {
        replies.reply().await;
    }
    let timed = workload.messages - early;
    let rate = rate(timed, started.elapsed());
    let cost = Cpu::now().since(cpu, timed);
    lanes.stop(&broker).await;
    ledger.check(before, &workload).await;
    Drained { rate, cost }
}

/// Publishes commands while the lanes apply them. Returns commands per second.
pub async fn live(fixture: &mut Fixture, setup: &Setup) -> f64 {
    let workload = setup.workload(fixture, fixture.sizes.live);
    let ledger = ledger(fixture, setup.books, workload.users).await;
    let before = ledger.totals().await;
    let broker = TestBroker::with_shards(setup.lanes).await;
    let lanes = Lanes::start(&ledger, &broker, setup.group_max).await;
    let mut publisher = Publisher::to(&broker).await;
    let started = Instant::now();
    for message in workload.messages() {
        publisher.publish(&message).await;
    }
    publisher.confirmed().await;
    lanes.until_settled(workload.commands()).await;
    let rate = rate(workload.messages, started.elapsed());
    publisher.close().await;
    lanes.stop(&broker).await;
    ledger.check(before, &workload).await;
    rate
}
