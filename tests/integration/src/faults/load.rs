//! An endless load of mixed commands by several producers. A seed determines the commands, and a
//! journal holds everything that was sent.
//!
//! The load has two phases, which alternate. In the first one the commands are of every kind, and
//! some are sent again. In the second one all commands are new and of the kinds that a store
//! commits on the optimistic path.
//!
//! Each user belongs to one producer, so that the order of the user's commands is known. The first
//! user of each producer has the most commands.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use producer_sdk::{Command, contract::Origin};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    expect::Intent,
    maker::{Maker, reference},
    way::{Target, Way},
};

/// The number of producers.
pub const PRODUCERS: u32 = 3;
/// The timeout for a confirm. It is longer than any fault.
pub(super) const CONFIRM_TIMEOUT: Duration = Duration::from_mins(3);
/// The number of commands that a producer sends between two checks of the clock.
const BURST: u64 = 20;

/// One command that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub user: String,
    pub reference: String,
    pub intent: Intent,
    pub sent_at: Instant,
    /// Empty until the first confirm.
    pub confirmed_at: Arc<OnceLock<Instant>>,
}

/// The way a producer sends its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendMode {
    /// Each producer sends this number of commands per second and does not wait for confirms.
    Stream(u64),
    /// Each producer waits for each confirm, and sends a command again until it is confirmed.
    OneByOne,
}

/// The running producers.
pub struct Load {
    producers: Vec<(Arc<Journal>, JoinHandle<()>)>,
    control: Arc<Control>,
}

#[derive(Debug)]
struct Control {
    running: watch::Sender<bool>,
    /// The number of producers that are paused.
    waiting: watch::Sender<u32>,
    stop: AtomicBool,
}

/// The journal of one producer.
#[derive(Debug, Default)]
struct Journal {
    sent: Mutex<Vec<Sent>>,
    /// The number of commands in `sent`.
    count: AtomicU64,
    copies: AtomicU64,
    /// Sent commands that may be sent again.
    recent: Mutex<Vec<Command>>,
    /// The number of failed attempts to publish.
    refused: watch::Sender<u64>,
}

/// Everything that was sent and confirmed. The commands of each producer are in the order of
/// sending.
#[derive(Debug, Default)]
pub struct Sendings {
    /// The commands without their copies.
    pub commands: Vec<Sent>,
    /// The number of additional copies.
    pub copies: u64,
}

impl Load {
    /// Connects the producers and starts them. Over HTTP they send one by one.
    pub async fn start(target: &Target, seed: u64, mode: SendMode) -> Self {
        let control = Arc::new(Control {
            running: watch::Sender::new(true),
            waiting: watch::Sender::new(0),
            stop: AtomicBool::new(false),
        });
        let mut producers = Vec::new();
        for number in 0..PRODUCERS {
            let way = Way::to(target, number).await;
            let journal = Arc::<Journal>::default();
            let maker = Maker::new(number, seed);
            let work = work(way, maker, journal.clone(), control.clone(), mode);
            producers.push((journal, tokio::spawn(work)));
        }
        Self { producers, control }
    }

    /// Pauses the producers until [`Load::go_on`], and waits until all of them have paused.
    pub async fn pause(&self) {
        self.control.running.send_replace(false);
        let mut waiting = self.control.waiting.subscribe();
        let all = waiting.wait_for(|waiting| *waiting == PRODUCERS);
        all.await.expect("the producers live");
    }

    /// Continues after [`Load::pause`].
    pub fn go_on(&self) {
        self.control.running.send_replace(true);
    }

    /// At most `most` commands that were sent before.
    pub fn recent(&self, most: usize) -> Vec<Command> {
        let recent = self
            .producers
            .iter()
            .map(|(journal, _)| journal.recent.lock().expect("not poisoned").clone());
        recent.flatten().take(most).collect()
    }

    /// Waits until each producer has failed to publish a command from now on.
    pub async fn until_refused(&self) {
        for (journal, _) in &self.producers {
            let before = *journal.refused.borrow();
            let mut refused = journal.refused.subscribe();
            let more = refused.wait_for(|refused| *refused > before);
            more.await.expect("the producer lives");
        }
    }

    /// The reference of the command that `producer` sends as its `after`-th from now on.
    pub fn reference_after(&self, producer: u32, after: u64) -> String {
        let count = self.producers[producer as usize].0.count.load(SeqCst);
        reference(producer, count + after)
    }

    /// The number of commands that were sent so far, without copies.
    pub fn count(&self) -> u64 {
        self.producers
            .iter()
            .map(|(journal, _)| journal.count.load(SeqCst))
            .sum()
    }

    /// Stops the producers and waits until every command is confirmed.
    ///
    /// # Panics
    /// If a command was not confirmed.
    pub async fn stop(mut self) -> Sendings {
        self.control.stop.store(true, SeqCst);
        self.go_on();
        let mut sendings = Sendings::default();
        for (journal, work) in std::mem::take(&mut self.producers) {
            work.await.expect("every command is confirmed");
            sendings
                .commands
                .append(&mut journal.sent.lock().expect("not poisoned"));
            sendings.copies += journal.copies.load(SeqCst);
        }
        sendings
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for (_, work) in &self.producers {
            work.abort();
        }
    }
}

async fn work(
    way: Way,
    mut maker: Maker,
    journal: Arc<Journal>,
    control: Arc<Control>,
    mode: SendMode,
) {
    let mut running = control.running.subscribe();
    let began = tokio::time::Instant::now();
    let mut paused = Duration::ZERO;
    for number in 0_u64.. {
        if !*running.borrow() {
            let since = tokio::time::Instant::now();
            control.waiting.send_modify(|waiting| *waiting += 1);
            let _ = running.wait_for(|running| *running).await;
            control.waiting.send_modify(|waiting| *waiting -= 1);
            paused += since.elapsed();
        }
        if control.stop.load(SeqCst) {
            break;
        }
        let again = maker.again(&journal.recent.lock().expect("not poisoned"));
        let command = again.clone().unwrap_or_else(|| maker.next());
        match (mode, &way) {
            (SendMode::Stream(rate), Way::Queue(producer)) => {
                let enqueued = producer.enqueue(&command).await;
                let confirm = enqueued.expect("space in the window");
                let confirmed_at = again.is_none().then(|| maker.confirmed_at());
                // `close` reports whether the command is confirmed.
                tokio::spawn(async move {
                    if let (Ok(()), Some(confirmed_at)) = (confirm.await, confirmed_at) {
                        let _ = confirmed_at.set(Instant::now());
                    }
                });
                if number % BURST == 0 {
                    let due = Duration::from_micros(number * 1_000_000 / rate);
                    tokio::time::sleep_until(began + paused + due).await;
                }
            }
            (SendMode::OneByOne, _) | (_, Way::Http { .. }) => {
                while !way.publish(&command).await {
                    journal.refused.send_modify(|refused| *refused += 1);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                if again.is_none() {
                    let _ = maker.confirmed_at().set(Instant::now());
                }
            }
        }
        if again.is_some() {
            journal.copies.fetch_add(1, SeqCst);
        } else {
            let mut sent = journal.sent.lock().expect("not poisoned");
            sent.push(maker.made());
            journal.count.fetch_add(1, SeqCst);
            maker.remember(&mut journal.recent.lock().expect("not poisoned"), command);
        }
    }
    way.close().await;
}

/// The origins that producers use.
pub const ORIGINS: [Origin; 2] = [Origin::Usage, Origin::Funding];
