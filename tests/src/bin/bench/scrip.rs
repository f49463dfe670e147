//! Scrip end to end, on RabbitMQ and PostgreSQL.

use std::time::Instant;

use tests::{broker::TestBroker, db::TestDatabase};

use crate::{
    cpu::Cpu,
    lanes::Lanes,
    ledger::Ledger,
    publisher::Publisher,
    report::rate,
    stage::Stage,
    workload::{Mix, References, Users, Workload},
};

/// Which ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Books {
    /// A new one, a batch a wallet.
    Fresh,
    /// A new one, so many batches a wallet.
    Batches(u32),
    /// The large one.
    Large,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    pub lanes: u32,
    pub users: Users,
    pub mix: Mix,
    pub references: References,
    pub group_max: u16,
    pub books: Books,
    /// Whether there are many more commands.
    pub is_long: bool,
}

impl Setup {
    fn workload(&self, stage: &mut Stage, messages: usize) -> Workload {
        Workload::of(stage, self.users, (self.mix, self.references), messages)
    }
}

/// The ledger for a workload: a new one, or the large one.
async fn ledger(stage: &Stage, books: Books, users: u32) -> Ledger {
    let batches = match books {
        Books::Large => return stage.large().await,
        Books::Fresh => 1,
        Books::Batches(batches) => batches,
    };
    Ledger::of(TestDatabase::postgres().await, users, batches).await
}

/// How fast full queues were drained, and at what cost.
pub struct Drained {
    /// Commands and queries a second.
    pub rate: f64,
    /// Microseconds of processor time for each: ours, the database's, the broker's.
    pub cost: Vec<f64>,
}

/// Drains full queues.
pub async fn drain(stage: &mut Stage, setup: &Setup) -> Drained {
    // Small groups take longer.
    let messages = match setup.group_max {
        ..10 => stage.sizes.plain,
        10..100 => stage.sizes.drain / 4,
        _ if setup.is_long => stage.sizes.long_drain,
        _ => stage.sizes.drain,
    };
    let workload = setup.workload(stage, messages);
    let ledger = ledger(stage, setup.books, workload.users).await;
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

/// Commands are published, confirmed, applied and acknowledged at once; a second.
pub async fn live(stage: &mut Stage, setup: &Setup) -> f64 {
    let workload = setup.workload(stage, stage.sizes.live);
    let ledger = ledger(stage, setup.books, workload.users).await;
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
