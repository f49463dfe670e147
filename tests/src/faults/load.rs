//! Mixed commands of several producers, made from a seed, for as long as they are wanted, and everything that was sent.
//!
//! For a while they are of every kind, and some are sent again; then all are new and of the kinds that a store commits the
//! quick way; and so on.
//! Each user belongs to one producer, so that the order of his commands is known. The first user of each is hot.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use producer_sdk::{
    Command, Options, Producer,
    contract::{Door, SubscriptionStatus},
};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    dice::Dice,
    expect::{PACKAGES, Wish},
};

/// Producers at once.
pub const PRODUCERS: u32 = 3;
/// Users of each.
const USERS: u64 = 24;
/// How often, in a hundred, a command is one that was sent before.
const AGAIN: u64 = 4;
/// Longer than any fault lasts.
const CONFIRM_TIMEOUT: Duration = Duration::from_mins(3);
/// How many a producer remembers for that.
const RECENT: usize = 500;
/// Commands that a producer sends before it looks at the clock.
const BURST: u64 = 20;
/// So many commands go one way, then so many the other. Producers send at the same rate, so it is the same with all of them
/// at a time.
const PHASE: u64 = 200;

/// One command that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Whose wallet.
    pub user: String,
    /// Its reference.
    pub reference: String,
    /// What was asked for.
    pub wish: Wish,
}

/// How commands are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// So many a second of each producer, none waited for.
    Stream(u64),
    /// One after the other, each sent again until it is confirmed.
    OneByOne,
}

/// Several producers at work.
pub struct Load {
    producers: Vec<(Arc<Journal>, JoinHandle<()>)>,
    control: Arc<Control>,
}

#[derive(Debug)]
struct Control {
    running: watch::Sender<bool>,
    /// Producers that stand still because nothing is to be sent.
    waiting: watch::Sender<u32>,
    stop: AtomicBool,
}

/// What one producer has sent: everything up to `count`.
#[derive(Debug, Default)]
struct Journal {
    sent: Mutex<Vec<Sent>>,
    count: AtomicU64,
    copies: AtomicU64,
    /// Some that were sent before, to be sent again.
    recent: Mutex<Vec<Command>>,
    /// How often one was not taken.
    refused: watch::Sender<u64>,
}

/// What was sent, by producer, each in its order; all of it confirmed.
#[derive(Debug, Default)]
pub struct Sendings {
    /// The first copy of each command.
    pub commands: Vec<Sent>,
    /// How many copies more were sent.
    pub copies: u64,
}

impl Load {
    /// Connects the producers to `url` and starts them.
    pub async fn start(url: &str, namespace: &str, seed: u64, manner: Manner) -> Self {
        let control = Arc::new(Control {
            running: watch::Sender::new(true),
            waiting: watch::Sender::new(0),
            stop: AtomicBool::new(false),
        });
        let mut producers = Vec::new();
        for number in 0..PRODUCERS {
            let options = Options {
                namespace: namespace.to_owned(),
                confirm_timeout: CONFIRM_TIMEOUT,
                connection_name: format!("load {number}"),
                ..Options::default()
            };
            let producer = Producer::connect(url, options).await.expect("a producer");
            let journal = Arc::<Journal>::default();
            let maker = Maker::new(number, seed);
            let work = work(producer, maker, journal.clone(), control.clone(), manner);
            producers.push((journal, tokio::spawn(work)));
        }
        Self { producers, control }
    }

    /// Nothing is sent until [`Load::go_on`]; waits until no producer is in the middle of anything.
    pub async fn pause(&self) {
        self.control.running.send_replace(false);
        let mut waiting = self.control.waiting.subscribe();
        let all = waiting.wait_for(|waiting| *waiting == PRODUCERS);
        all.await.expect("the producers live");
    }

    /// Goes on.
    pub fn go_on(&self) {
        self.control.running.send_replace(true);
    }

    /// Some commands that were sent before.
    pub fn recent(&self, most: usize) -> Vec<Command> {
        let recent = self
            .producers
            .iter()
            .map(|(journal, _)| journal.recent.lock().expect("not poisoned").clone());
        recent.flatten().take(most).collect()
    }

    /// Waits until each producer has been refused from now on: the queue took nothing.
    pub async fn until_refused(&self) {
        for (journal, _) in &self.producers {
            let before = *journal.refused.borrow();
            let mut refused = journal.refused.subscribe();
            let more = refused.wait_for(|refused| *refused > before);
            more.await.expect("the producer lives");
        }
    }

    /// The reference of the command that `producer` will have sent when it has sent `after` more.
    pub fn reference_after(&self, producer: u32, after: u64) -> String {
        let count = self.producers[producer as usize].0.count.load(SeqCst);
        reference(producer, count + after)
    }

    /// How many commands were made so far.
    pub fn count(&self) -> u64 {
        self.producers
            .iter()
            .map(|(journal, _)| journal.count.load(SeqCst))
            .sum()
    }

    /// Stops, and waits until everything is confirmed.
    ///
    /// # Panics
    /// When something was not.
    pub async fn stop(self) -> Sendings {
        self.control.stop.store(true, SeqCst);
        self.go_on();
        let mut sendings = Sendings::default();
        for (journal, work) in self.producers {
            work.await.expect("every command is confirmed");
            sendings
                .commands
                .append(&mut journal.sent.lock().expect("not poisoned"));
            sendings.copies += journal.copies.load(SeqCst);
        }
        sendings
    }
}

async fn work(
    producer: Producer,
    mut maker: Maker,
    journal: Arc<Journal>,
    control: Arc<Control>,
    manner: Manner,
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
        match manner {
            Manner::Stream(rate) => {
                // Whether it is confirmed, `close` tells.
                drop(producer.enqueue(&command).await.expect("room in the window"));
                if number % BURST == 0 {
                    let due = Duration::from_micros(number * 1_000_000 / rate);
                    tokio::time::sleep_until(began + paused + due).await;
                }
            }
            Manner::OneByOne => {
                while producer.publish(&command).await.is_err() {
                    journal.refused.send_modify(|refused| *refused += 1);
                    tokio::time::sleep(Duration::from_millis(20)).await;
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
    producer.close().await.expect("every command is confirmed");
}

fn reference(producer: u32, number: u64) -> String {
    format!("p{producer}-{number}")
}

/// Both doors that producers use.
pub const DOORS: [Door; 2] = [Door::Usage, Door::Funding];

/// Makes one producer's commands.
struct Maker {
    producer: u32,
    dice: Dice,
    number: u64,
    registered: Vec<bool>,
    subscriptions: Vec<u32>,
    last: Option<Sent>,
}

impl Maker {
    fn new(producer: u32, seed: u64) -> Self {
        Self {
            producer,
            dice: Dice::new(seed ^ (u64::from(producer) + 1)),
            number: 0,
            registered: vec![false; usize::try_from(USERS).expect("few")],
            subscriptions: vec![0; usize::try_from(USERS).expect("few")],
            last: None,
        }
    }

    /// Now and then, a command that was made before.
    fn again(&mut self, recent: &[Command]) -> Option<Command> {
        let again = !recent.is_empty() && !self.is_common_only() && self.dice.percent(AGAIN);
        again.then(|| self.dice.pick(recent).clone())
    }

    /// Whether it is the time for commands that are committed the quick way: none is sent again, either.
    const fn is_common_only(&self) -> bool {
        self.number / PHASE % 2 == 1
    }

    fn remember(&mut self, recent: &mut Vec<Command>, command: Command) {
        if recent.len() < RECENT {
            recent.push(command);
        } else {
            let at = usize::try_from(self.dice.below(RECENT as u64)).expect("small");
            recent[at] = command;
        }
    }

    /// The command that was made last.
    fn made(&mut self) -> Sent {
        self.last.take().expect("one was made")
    }

    fn next(&mut self) -> Command {
        self.number += 1;
        let reference = reference(self.producer, self.number);
        let hot = self.dice.percent(30);
        let place = if hot { 0 } else { self.dice.below(USERS) };
        let user = format!("p{}-user-{place}", self.producer);
        let place = usize::try_from(place).expect("few");
        let (wish, command) = if std::mem::replace(&mut self.registered[place], true) {
            self.wish(place, &reference, &user)
        } else {
            (
                Wish::Register,
                Command::registration_bonus(reference.as_str(), user.as_str()),
            )
        };
        self.last = Some(Sent {
            user,
            reference,
            wish,
        });
        command
    }

    fn wish(&mut self, place: usize, reference: &str, user: &str) -> (Wish, Command) {
        let common_only = self.is_common_only();
        let dice = &mut self.dice;
        match dice.below(if common_only { 88 } else { 100 }) {
            0..70 => spend(dice, reference, user),
            70..78 => {
                let credits = whole(dice.within(1, 100));
                (
                    Wish::Promotion(credits),
                    Command::promotion(reference, user, credits),
                )
            }
            78..84 => {
                let package = dice.pick(&PACKAGES).0;
                (
                    Wish::Package(package),
                    Command::purchase_package(reference, user, package, reference),
                )
            }
            84..88 => {
                let credits = whole(dice.within(1, 200));
                (
                    Wish::Credits(credits),
                    Command::purchase_credits(reference, user, credits, reference),
                )
            }
            88..91 => (Wish::Freeze, Command::freeze(reference, user, "a test", "a test")),
            91..97 => (
                Wish::Unfreeze,
                Command::unfreeze(reference, user, "a test", "a test"),
            ),
            _ => {
                let begun = &mut self.subscriptions[place];
                let ends = *begun > 0 && dice.percent(40);
                if !ends {
                    *begun += 1;
                }
                let number = *begun;
                let (wish, status) = if ends {
                    (Wish::End(number), SubscriptionStatus::Canceled)
                } else {
                    (Wish::Begin(number), SubscriptionStatus::Active)
                };
                let id = format!("{user}-sub-{number}");
                (wish, Command::subscription(reference, user, id, "pro", status))
            }
        }
    }
}

/// Spending, said in one of four ways, with the price as the configuration of these tests has it.
fn spend(dice: &mut Dice, reference: &str, user: &str) -> (Wish, Command) {
    let consume = |service: &str| Command::consume(reference, user, service);
    match dice.below(4) {
        0 => {
            let images = whole(dice.within(1, 4));
            (Wish::Spend(5 * images), consume("google:image").quantity(images))
        }
        1 => {
            let tokens = whole(dice.within(1, 9_000));
            (
                Wish::Spend((tokens + 999) / 1_000),
                consume("llm:tokens").quantity(tokens),
            )
        }
        2 => {
            let credits = whole(dice.within(1, 120));
            (Wish::Spend(credits), consume("anything").amount(credits))
        }
        _ => (Wish::Spend(1), consume("unpriced")),
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).expect("small")
}
