//! Plays a year on a ledger and on the model.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    ops::Range,
};

use chrono::TimeDelta;
use producer_sdk::contract::Outcome;
use scrip::verify;
use sea_orm::DatabaseConnection;
use tests::year::{
    At, found,
    message::Message,
    model::{Account, Answer, Expired, Granted, Model},
    rulebook::Rulebook,
    world::{DAYS, World, midnight},
};

/// How often all rows are compared.
const LOOK_EVERY: i64 = 61;
/// How many days lie between two checks of the whole book, which reads every row. What one night breaks, a later night finds.
const VERIFY_EVERY: i64 = 10;
/// After so many days a payment that could not be applied is published again.
const MENDED_AFTER: i64 = 35;

/// A ledger, and the way messages get there.
pub trait Stage {
    /// The worker starts, with these rules.
    async fn start(&mut self, rules: &Rulebook, now: At);
    /// The worker ends.
    async fn stop(&mut self);
    /// What time it is.
    fn set(&mut self, now: At);
    /// Publishes messages, in order.
    async fn publish(&mut self, messages: &[Message]);
    /// What became of the next so many messages, in order.
    async fn answers(&mut self, count: usize) -> Vec<Outcome>;
    /// Runs the grant job.
    async fn grant(&mut self) -> Granted;
    /// Runs the expire job.
    async fn expire(&mut self) -> Expired;
    /// Runs the verify job: whether the book balances.
    async fn verify(&mut self) -> bool;
    /// The ledger.
    fn database(&self) -> &DatabaseConnection;
    /// References and reasons of what was set aside; absent where nothing is.
    async fn dead(&mut self) -> Option<Vec<(String, String)>>;
}

/// What happened in a year.
#[derive(Debug, Default)]
pub struct Told {
    seen: BTreeMap<String, u64>,
}

struct Play<S> {
    seed: u64,
    stage: S,
    model: Model,
    world: World,
    day: i64,
    now: At,
    /// What users have sent so far, and when it was committed.
    sent: BTreeMap<String, Vec<(At, Message)>>,
    told: Told,
}

/// Plays a year with so many users.
pub async fn play<S: Stage>(seed: u64, users: i64, stage: S) -> Told {
    println!("SCRIP_SEED={seed} repeats this run");
    let mut play = Play {
        seed,
        stage,
        model: Model::new(Rulebook::of(0)),
        world: World::new(seed, users),
        day: 0,
        now: midnight(0),
        sent: BTreeMap::new(),
        told: Told::default(),
    };
    play.year().await;
    play.told
}

/// When the worker is away: three times, up to ten days.
fn outages(seed: u64) -> [Range<i64>; 3] {
    let long = |nth: u32| i64::try_from(seed >> (8 * nth) & 0xff).expect("small") % 8 + 3;
    [57..57 + long(0), 170..180, 300..300 + long(2)]
}

impl<S: Stage> Play<S> {
    async fn year(&mut self) {
        let outages = outages(self.seed);
        let mut waiting: Vec<Message> = Vec::new();
        self.stage.set(self.now);
        self.stage.start(&Rulebook::of(0), self.now).await;
        for day in 0..DAYS {
            self.day = day;
            let is_away = outages.iter().any(|outage| outage.contains(&day));
            if outages.iter().any(|outage| outage.start == day) {
                self.stage.stop().await;
            }
            if outages.iter().any(|outage| outage.end == day) {
                self.at(midnight(day) + TimeDelta::hours(8));
                self.start_with(Rulebook::of(day)).await;
                let messages = std::mem::take(&mut waiting);
                self.compare(&messages).await;
                self.grant().await;
                self.expire().await;
            } else if !is_away {
                if Rulebook::changes_on(day) {
                    self.stage.stop().await;
                    self.start_with(Rulebook::of(day)).await;
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
                self.stage.publish(&messages).await;
                waiting.extend(messages);
            } else {
                let (first, pause) = self.world.pause(messages.len());
                let (first, rest) = messages.split_at(first);
                self.stage.publish(first).await;
                self.compare(first).await;
                self.at(time + TimeDelta::seconds(pause));
                self.stage.publish(rest).await;
                self.compare(rest).await;
            }
            if day % LOOK_EVERY == LOOK_EVERY - 1 && !is_away {
                self.look().await;
            }
        }
        self.verify().await;
        self.look().await;
        self.compare_dead().await;
        self.told.count("granted first", self.model.granted_first);
        self.told.count("waited for late news", self.model.waited);
        self.stage.stop().await;
        println!("seed {}: {:?}", self.seed, self.told.seen);
    }

    fn at(&mut self, now: At) {
        assert!(now >= self.now, "time goes on");
        self.now = now;
        self.stage.set(now);
    }

    async fn start_with(&mut self, rules: Rulebook) {
        self.stage.start(&rules, self.now).await;
        self.model.rules = rules;
    }

    /// Compares what became of messages with what the model says.
    async fn compare(&mut self, messages: &[Message]) {
        let answers = self.stage.answers(messages.len()).await;
        for (message, outcome) in messages.iter().zip(&answers) {
            assert_eq!(message.reference, outcome.reference_id, "answers come in order");
            let said = (self.now, message.clone());
            self.sent.entry(message.user.clone()).or_default().push(said);
            let expected = self.model.apply(message, self.now);
            let found = Answer::of(outcome);
            self.told.see(message, &expected);
            if found != expected {
                self.fail(
                    &message.user,
                    &format!("{message:?}\nmodel:  {expected:?}\nledger: {found:?}"),
                );
            }
            let is_mended = matches!(
                expected.code.as_deref(),
                Some("plan_disabled" | "credits_disabled")
            );
            if is_mended && message.is_paid() && !expected.replayed {
                self.world.again(self.day + MENDED_AFTER, message.clone());
            }
        }
    }

    async fn grant(&mut self) {
        let expected = self.model.run_grant(self.now);
        let found = self.stage.grant().await;
        self.told.count("granted at night", expected.granted);
        self.told.count("skipped at night", expected.skipped);
        if found != expected {
            self.look().await;
            self.fail("", &format!("grant: model {expected:?}, ledger {found:?}"));
        }
    }

    async fn expire(&mut self) {
        let expected = self.model.run_expire(self.now);
        let found = self.stage.expire().await;
        self.told.count("expired batches", expected.batches);
        if found != expected {
            self.look().await;
            self.fail("", &format!("expire: model {expected:?}, ledger {found:?}"));
        }
    }

    async fn verify(&mut self) {
        if self.stage.verify().await {
            return;
        }
        let options = verify::Options::default();
        let report = verify::verify(self.stage.database(), &options, self.now, |_| {}).await;
        let violations = report.expect("a report").violations;
        let user = violations.first().and_then(|first| first.user_id.clone());
        self.fail(&user.unwrap_or_default(), &format!("{violations:#?}"));
    }

    /// Compares every row.
    async fn look(&self) {
        let found = found::accounts(self.stage.database()).await;
        let expected = found::expected(&self.model);
        let users: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
        for user in users {
            if found.get(user) != expected.get(user) {
                self.fail(user, &difference(expected.get(user), found.get(user)));
            }
        }
    }

    async fn compare_dead(&mut self) {
        let Some(mut found) = self.stage.dead().await else {
            return;
        };
        let unapplied = self.model.unapplied.iter();
        let mut expected: Vec<(String, String)> = unapplied
            .map(|(reference, code)| (reference.clone(), format!("unapplied:{code}")))
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "seed {}: dead letters", self.seed);
    }

    /// Says what went wrong, and what led to it.
    fn fail(&self, user: &str, what: &str) -> ! {
        let mut story = String::new();
        for (now, message) in self.sent.get(user).into_iter().flatten() {
            writeln!(story, "  {now}: {message:?}").expect("memory");
        }
        let account = self.model.accounts.get(user);
        panic!(
            "SCRIP_SEED={}, day {} ({}), user {user:?}\n{what}\nwhat the user sent, by the time of the commit:\n{story}\n\
             by the model: {account:#?}",
            self.seed, self.day, self.now
        );
    }
}

/// The first lines in which two accounts differ.
fn difference(expected: Option<&Account>, found: Option<&Account>) -> String {
    let (expected, found) = (format!("{expected:#?}"), format!("{found:#?}"));
    let (mut ours, mut theirs) = (expected.lines(), found.lines());
    let mut said = String::new();
    let mut before: Vec<&str> = Vec::new();
    loop {
        let (one, other) = (ours.next(), theirs.next());
        if one == other {
            let Some(line) = one else { break };
            before.push(line);
            continue;
        }
        for line in before.iter().rev().take(8).rev() {
            writeln!(said, "        {line}").expect("memory");
        }
        before.clear();
        writeln!(said, "model:  {}", one.unwrap_or("nothing")).expect("memory");
        writeln!(said, "ledger: {}", other.unwrap_or("nothing")).expect("memory");
        if said.lines().count() > 40 || one.is_none() || other.is_none() {
            break;
        }
    }
    said
}

impl Told {
    fn count(&mut self, what: &str, times: u64) {
        *self.seen.entry(what.to_owned()).or_default() += times;
    }

    fn see(&mut self, message: &Message, answer: &Answer) {
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
        for (what, is_so) in [
            ("stale", answer.stale),
            ("clipped", answer.clipped.is_some()),
            ("over the cap", answer.over_cap),
            (
                "granted by news of a subscription",
                answer.posted.len() > 1 && answer.posted[0].0 == "subscription",
            ),
            (
                "spent from several batches",
                answer.amount < 0 && answer.moved.len() > 1,
            ),
        ] {
            self.count(what, u64::from(is_so));
        }
    }

    /// Fails if the year was too quiet to prove anything.
    pub fn has_seen_everything(&self) {
        for what in [
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
            "stale",
            "clipped",
            "over the cap",
            "granted by news of a subscription",
            "granted first",
            "waited for late news",
            "granted at night",
            "skipped at night",
            "expired batches",
            "spent from several batches",
        ] {
            assert!(
                self.seen.get(what).is_some_and(|times| *times > 0),
                "no {what}: {:?}",
                self.seen
            );
        }
    }
}
