//! Plays a year on a ledger and on the model, and compares them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    ops::Range,
};

use chrono::TimeDelta;
use producer_sdk::contract::Outcome;
use scrip::verify;
use sea_orm::DatabaseConnection;
use simulator::{
    At,
    message::Message,
    model::{Account, Answer, Expired, Granted, Model},
    observed,
    rulebook::Rulebook,
    world::{DAYS, World, midnight},
};

/// The interval in days at which all rows are compared.
const COMPARE_EVERY: i64 = 61;
/// The interval in days between two runs of the verify job, which reads every row. An error of one
/// night is found by a later run.
const VERIFY_EVERY: i64 = 10;
/// The number of days after which a payment that could not be applied is published again.
const FIXED_AFTER: i64 = 35;

/// A ledger and its queue.
pub trait Fixture {
    /// Starts the worker with these rules.
    async fn start(&mut self, rules: &Rulebook, now: At);
    /// Stops the worker.
    async fn stop(&mut self);
    /// Sets the current time.
    fn set(&mut self, now: At);
    /// Publishes messages in order.
    async fn publish(&mut self, messages: &[Message]);
    /// Waits for the outcomes of the next `count` messages, in order.
    async fn answers(&mut self, count: usize) -> Vec<Outcome>;
    /// Runs the grant job.
    async fn grant(&mut self) -> Granted;
    /// Runs the expiry job.
    async fn expire(&mut self) -> Expired;
    /// Runs the verify job. Returns whether every invariant holds.
    async fn verify(&mut self) -> bool;
    /// A connection to the ledger.
    fn database(&self) -> &DatabaseConnection;
    /// The references and reasons of the dead letters; `None` for a ledger without dead letters.
    async fn dead(&mut self) -> Option<Vec<(String, String)>>;
}

/// The number of times that each kind of event happened in a year.
#[derive(Debug, Default)]
pub struct Coverage {
    counts: BTreeMap<String, u64>,
}

struct Play<S> {
    seed: u64,
    fixture: S,
    model: Model,
    world: World,
    day: i64,
    now: At,
    /// The messages of each user, with the times of their commits.
    sent: BTreeMap<String, Vec<(At, Message)>>,
    coverage: Coverage,
}

/// Plays a year with this number of users.
pub async fn play<S: Fixture>(seed: u64, users: i64, fixture: S) -> Coverage {
    println!("SCRIP_SEED={seed} repeats this run");
    let mut play = Play {
        seed,
        fixture,
        model: Model::new(Rulebook::on_day(0)),
        world: World::new(seed, users),
        day: 0,
        now: midnight(0),
        sent: BTreeMap::new(),
        coverage: Coverage::default(),
    };
    play.year().await;
    play.coverage
}

/// The three times at which the worker is stopped, for up to ten days.
fn outages(seed: u64) -> [Range<i64>; 3] {
    let long = |nth: u32| i64::try_from(seed >> (8 * nth) & 0xff).expect("small") % 8 + 3;
    [57..57 + long(0), 170..180, 300..300 + long(2)]
}

impl<S: Fixture> Play<S> {
    async fn year(&mut self) {
        let outages = outages(self.seed);
        let mut waiting: Vec<Message> = Vec::new();
        self.fixture.set(self.now);
        self.fixture.start(&Rulebook::on_day(0), self.now).await;
        for day in 0..DAYS {
            self.day = day;
            let is_away = outages.iter().any(|outage| outage.contains(&day));
            if outages.iter().any(|outage| outage.start == day) {
                self.fixture.stop().await;
            }
            if outages.iter().any(|outage| outage.end == day) {
                self.at(midnight(day) + TimeDelta::hours(8));
                self.start_with(Rulebook::on_day(day)).await;
                let messages = std::mem::take(&mut waiting);
                self.compare(&messages).await;
                self.grant().await;
                self.expire().await;
            } else if !is_away {
                if Rulebook::changes_on(day) {
                    self.fixture.stop().await;
                    self.start_with(Rulebook::on_day(day)).await;
                }
                self.at(midnight(day) + TimeDelta::hours(1));
                self.grant().await;
                self.at(midnight(day) + TimeDelta::hours(4));
                self.expire().await;
            }
            let is_resumed = outages.iter().any(|outage| outage.end == day);
            if !is_resumed {
                self.at(midnight(day) + TimeDelta::hours(5));
            }
            if is_resumed || day % VERIFY_EVERY == 0 {
                self.verify().await;
            }
            let time = self.world.time_of(day);
            self.at(time);
            let messages = self.world.day(day, time);
            if is_away {
                self.fixture.publish(&messages).await;
                waiting.extend(messages);
            } else {
                let (first, pause) = self.world.pause(messages.len());
                let (first, rest) = messages.split_at(first);
                self.fixture.publish(first).await;
                self.compare(first).await;
                self.at(time + TimeDelta::seconds(pause));
                self.fixture.publish(rest).await;
                self.compare(rest).await;
            }
            if day % COMPARE_EVERY == COMPARE_EVERY - 1 && !is_away {
                self.compare_rows().await;
            }
        }
        self.verify().await;
        self.compare_rows().await;
        self.compare_dead().await;
        self.coverage
            .count("granted first", self.model.granted_first);
        self.coverage
            .count("waited for late events", self.model.waited);
        self.fixture.stop().await;
        println!("seed {}: {:?}", self.seed, self.coverage.counts);
    }

    fn at(&mut self, now: At) {
        assert!(now >= self.now, "time does not go back");
        self.now = now;
        self.fixture.set(now);
    }

    async fn start_with(&mut self, rules: Rulebook) {
        self.fixture.start(&rules, self.now).await;
        self.model.rules = rules;
    }

    /// Compares the outcomes of messages with the model's.
    async fn compare(&mut self, messages: &[Message]) {
        let answers = self.fixture.answers(messages.len()).await;
        for (message, outcome) in messages.iter().zip(&answers) {
            assert_eq!(
                message.reference, outcome.reference_id,
                "outcomes come in order"
            );
            let sent = (self.now, message.clone());
            self.sent
                .entry(message.user.clone())
                .or_default()
                .push(sent);
            let expected = self.model.apply(message, self.now);
            let actual = Answer::from_outcome(outcome);
            self.coverage.observe(message, &expected);
            if actual != expected {
                self.fail(
                    &message.user,
                    &format!("{message:?}\nmodel:  {expected:?}\nledger: {actual:?}"),
                );
            }
            let can_be_retried = matches!(
                expected.code.as_deref(),
                Some("plan_disabled" | "credits_disabled")
            );
            if can_be_retried && message.is_paid() && !expected.replayed {
                self.world
                    .publish_again(self.day + FIXED_AFTER, message.clone());
            }
        }
    }

    async fn grant(&mut self) {
        let expected = self.model.run_grant(self.now);
        let actual = self.fixture.grant().await;
        self.coverage.count("granted at night", expected.granted);
        self.coverage.count("skipped at night", expected.skipped);
        if actual != expected {
            self.compare_rows().await;
            self.fail("", &format!("grant: model {expected:?}, ledger {actual:?}"));
        }
    }

    async fn expire(&mut self) {
        let expected = self.model.run_expire(self.now);
        let actual = self.fixture.expire().await;
        self.coverage.count("expired batches", expected.batches);
        if actual != expected {
            self.compare_rows().await;
            self.fail(
                "",
                &format!("expire: model {expected:?}, ledger {actual:?}"),
            );
        }
    }

    async fn verify(&mut self) {
        if self.fixture.verify().await {
            return;
        }
        let options = verify::Options::default();
        let report = verify::verify(self.fixture.database(), &options, self.now, |_| {}).await;
        let violations = report.expect("a report").violations;
        let user = violations.first().and_then(|first| first.user_id.clone());
        self.fail(&user.unwrap_or_default(), &format!("{violations:#?}"));
    }

    /// Compares every row.
    async fn compare_rows(&self) {
        let actual = observed::accounts(self.fixture.database()).await;
        let expected = observed::expected(&self.model);
        let users: BTreeSet<&String> = actual.keys().chain(expected.keys()).collect();
        for user in users {
            if actual.get(user) != expected.get(user) {
                self.fail(user, &difference(expected.get(user), actual.get(user)));
            }
        }
    }

    async fn compare_dead(&mut self) {
        let Some(mut actual) = self.fixture.dead().await else {
            return;
        };
        let unapplied = self.model.unapplied.iter();
        let mut expected: Vec<(String, String)> = unapplied
            .map(|(reference, code)| (reference.clone(), format!("unapplied:{code}")))
            .collect();
        actual.sort();
        expected.sort();
        assert_eq!(actual, expected, "seed {}: dead letters", self.seed);
    }

    /// Panics with a description of the error and the messages that led to it.
    fn fail(&self, user: &str, error: &str) -> ! {
        let mut story = String::new();
        for (now, message) in self.sent.get(user).into_iter().flatten() {
            writeln!(story, "  {now}: {message:?}").expect("memory");
        }
        let account = self.model.accounts.get(user);
        panic!(
            "SCRIP_SEED={}, day {} ({}), user {user:?}\n{error}\n\
             messages of the user with the times of their commits:\n{story}\n\
             account in the model: {account:#?}",
            self.seed, self.day, self.now
        );
    }
}

/// The first lines in which two accounts differ.
fn difference(expected: Option<&Account>, actual: Option<&Account>) -> String {
    let (expected, actual) = (format!("{expected:#?}"), format!("{actual:#?}"));
    let (mut ours, mut theirs) = (expected.lines(), actual.lines());
    let mut text = String::new();
    let mut before: Vec<&str> = Vec::new();
    loop {
        let (one, other) = (ours.next(), theirs.next());
        if one == other {
            let Some(line) = one else { break };
            before.push(line);
            continue;
        }
        for line in before.iter().rev().take(8).rev() {
            writeln!(text, "        {line}").expect("memory");
        }
        before.clear();
        writeln!(text, "model:  {}", one.unwrap_or("nothing")).expect("memory");
        writeln!(text, "ledger: {}", other.unwrap_or("nothing")).expect("memory");
        if text.lines().count() > 40 || one.is_none() || other.is_none() {
            break;
        }
    }
    text
}

impl Coverage {
    fn count(&mut self, event: &str, times: u64) {
        *self.counts.entry(event.to_owned()).or_default() += times;
    }

    fn observe(&mut self, message: &Message, answer: &Answer) {
        self.count("messages", 1);
        let sort = |answer: &Answer| match (&answer.code, answer.replayed) {
            (_, true) => "replayed".to_owned(),
            (Some(code), _) if message.is_paid() && code != "duplicate_payment" => {
                format!("unapplied:{code}")
            }
            (Some(code), _) => code.clone(),
            (None, _) => "completed".to_owned(),
        };
        self.count(&sort(answer), 1);
        if answer.replayed {
            return;
        }
        for (event, happened) in [
            ("stale", answer.stale),
            ("clipped", answer.clipped.is_some()),
            ("over the cap", answer.over_cap),
            (
                "granted by an event of a subscription",
                answer.posted.len() > 1 && answer.posted[0].0 == "subscription",
            ),
            ("left a debt", answer.indebted > Some(0)),
            ("repaid a debt", answer.repaid > Some(0)),
            ("forgave a debt", answer.forgiven > Some(0)),
            (
                "returned credits of a won dispute",
                answer.restored > Some(0),
            ),
            ("cancelled a debt", answer.cancelled > Some(0)),
            (
                "spent from several batches",
                answer.amount < 0 && answer.moved.len() > 1,
            ),
        ] {
            self.count(event, u64::from(happened));
        }
    }

    /// Panics unless every kind of event happened.
    pub fn assert_complete(&self) {
        for event in [
            "completed",
            "replayed",
            "reference_conflict",
            "unapplied:reference_conflict",
            "unapplied:credits_disabled",
            "unapplied:unknown_package",
            "unapplied:plan_disabled",
            "unapplied:subscription_conflict",
            "duplicate_payment",
            "credits_disabled",
            "wallet_not_found",
            "wallet_frozen",
            "already_granted",
            "max_balance_reached",
            "insufficient_credits",
            "original_not_found",
            "amount_paid_unknown",
            "revoke_exceeds_credits",
            "already_reinstated",
            "forgive_exceeds_debt",
            "left a debt",
            "repaid a debt",
            "forgave a debt",
            "returned credits of a won dispute",
            "cancelled a debt",
            "stale",
            "clipped",
            "over the cap",
            "granted by an event of a subscription",
            "granted first",
            "waited for late events",
            "granted at night",
            "skipped at night",
            "expired batches",
            "spent from several batches",
        ] {
            assert!(
                self.counts.get(event).is_some_and(|times| *times > 0),
                "no {event}: {:?}",
                self.counts
            );
        }
    }
}
