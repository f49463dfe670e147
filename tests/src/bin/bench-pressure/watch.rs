//! Looks at a worker while it works.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tests::{memory::Memory, process::Worker};
use tokio::time::{MissedTickBehavior, interval};

use crate::stage::Stage;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(250);

/// What was seen of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The most memory it had at once, as the kernel noted it.
    pub peak: Memory,
    /// The memory it had when it was looked at last.
    pub last: Memory,
}

impl Seen {
    /// Looks at a worker.
    pub fn look(&mut self, worker: &Worker) {
        let pid = worker.pid();
        self.last = Memory::of(pid).expect("a running worker");
        self.peak = Memory::peak_of(pid).expect("a running worker");
    }
}

/// Watches until the worker has applied `commands` commands.
pub async fn until_applied(stage: &Stage, worker: &Worker, commands: u32, seen: &mut Seen) {
    let applied = async || stage.applied().await;
    until(stage, worker, (commands, "applied"), seen, applied).await;
}

/// Watches until the worker has set `letters` commands aside.
pub async fn until_set_aside(stage: &Stage, worker: &Worker, letters: u32, seen: &mut Seen) {
    let set_aside = async || stage.dead_letters().await;
    until(stage, worker, (letters, "set aside"), seen, set_aside).await;
}

async fn until(
    stage: &Stage,
    worker: &Worker,
    (commands, what): (u32, &'static str),
    seen: &mut Seen,
    count: impl AsyncFn() -> u32,
) {
    let bar = bar(commands.into(), what);
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = (0, Instant::now());
    loop {
        tick.tick().await;
        seen.look(worker);
        let done = count().await;
        bar.set_position(done.into());
        bar.set_message(format!("{what}, worker {:.0} MB", seen.last.megabytes()));
        if done >= commands {
            break;
        }
        if done > last.0 {
            last = (done, Instant::now());
        }
        assert!(
            last.1.elapsed() < stage.patience,
            "the worker has stopped at {done} of {commands} commands {what}:\n{}",
            worker.log()
        );
    }
    bar.finish_and_clear();
}

/// A bar for `total` of `what`, on stderr; nothing where that is no terminal.
pub fn bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "  {bar:30} {human_pos}/{human_len} {msg} {per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// Stops the worker; what it had applied was acknowledged, so nothing is left in the queues.
pub async fn stop(stage: &Stage, worker: Worker) {
    assert!(worker.terminate().await.success(), "the worker drains");
    let topology = stage.topology();
    for queue in topology.queues() {
        let left = stage.broker.ready_in(&queue.name).await;
        assert_eq!(left, 0, "messages left in {}", queue.name);
    }
}
