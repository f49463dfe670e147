//! Observes a worker while it runs.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use testkit::{memory::Memory, process::Worker};
use tokio::time::{MissedTickBehavior, interval};

use crate::fixture::Fixture;

/// The interval at which a worker is observed.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The memory of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memories {
    /// The peak that the kernel reports.
    pub peak: Memory,
    /// The memory at the last sample.
    pub last: Memory,
}

impl Memories {
    /// Samples the memory of a worker.
    pub fn sample(&mut self, worker: &Worker) {
        let pid = worker.pid();
        self.last = Memory::of_process(pid).expect("a running worker");
        self.peak = Memory::peak_of(pid).expect("a running worker");
    }
}

/// Waits until the worker has applied `commands` commands, and samples its memory.
pub async fn until_applied(
    fixture: &Fixture,
    worker: &Worker,
    commands: u32,
    memory: &mut Memories,
) {
    let applied = async || fixture.applied().await;
    until(fixture, worker, (commands, "applied"), memory, applied).await;
}

/// Waits until the worker has dead-lettered `letters` commands, and samples its memory.
pub async fn until_dead_lettered(
    fixture: &Fixture,
    worker: &Worker,
    letters: u32,
    memory: &mut Memories,
) {
    let count = async || fixture.dead_letters().await;
    until(fixture, worker, (letters, "dead-lettered"), memory, count).await;
}

async fn until(
    fixture: &Fixture,
    worker: &Worker,
    (commands, done_name): (u32, &'static str),
    memory: &mut Memories,
    count: impl AsyncFn() -> u32,
) {
    let bar = bar(commands.into(), done_name);
    let mut tick = interval(POLL_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = (0, Instant::now());
    loop {
        tick.tick().await;
        memory.sample(worker);
        let done = count().await;
        bar.set_position(done.into());
        bar.set_message(format!(
            "{done_name}, worker {:.0} MB",
            memory.last.megabytes()
        ));
        if done >= commands {
            break;
        }
        if done > last.0 {
            last = (done, Instant::now());
        }
        assert!(
            last.1.elapsed() < fixture.timeout,
            "the worker has stopped at {done} of {commands} commands {done_name}:\n{}",
            worker.log()
        );
    }
    bar.finish_and_clear();
}

/// A progress bar on stderr. It is invisible if stderr is not a terminal.
pub fn bar(total: u64, message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "  {bar:30} {human_pos}/{human_len} {msg} {per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(message);
    bar
}

/// Stops the worker. Panics if a message is left in a queue, because applied commands must be
/// acknowledged.
pub async fn stop(fixture: &Fixture, worker: Worker) {
    assert!(worker.terminate().await.success(), "the worker drains");
    let topology = fixture.topology();
    for queue in topology.queues() {
        let left = fixture.broker.ready_in(&queue.name).await;
        assert_eq!(left, 0, "messages left in {}", queue.name);
    }
}
