//! Whole lives of subscriptions over several months: the events of each moment in every order, and
//! all events late in shuffled orders, lead to the ledger that the documented rule says.

use std::iter::repeat_n;

use chrono::TimeDelta;
use scrip::payments::{Provider, tables::StoredStatus};
use serde_json::{Value, json};
use testkit::db::TestDatabase;

use super::{
    orders::permutations,
    simulation::Simulation,
    story::{Story, VERSIONS},
    tales::{LIVES, Life, Tell, begin, trial_that_is_granted, trial_that_waits},
};

/// A generator of shuffled orders (`SplitMix64`).
struct Shuffles(u64);

impl Shuffles {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u64::try_from(last + 1).expect("few");
            items.swap(last, usize::try_from(self.next() % bound).expect("few"));
        }
    }
}

/// Sends events, and those again that the server asked for.
async fn send(simulation: &Simulation, life: &Life, events: &[Value], rounds: usize) {
    let mut open: Vec<&Value> = repeat_n(events, rounds).flatten().collect();
    for _ in 0..4 {
        let mut again = Vec::new();
        for event in open {
            if simulation.deliver(life.provider, event).await.is_none() {
                again.push(event);
            }
        }
        open = again;
    }
    // What is still open waits for a grant that waits for late events.
}

async fn check(simulation: &mut Simulation, life: &Life, why: &str) {
    let last = simulation.ledger.now;
    simulation.ledger.now = last + TimeDelta::days(45);
    let balance = simulation.balance(&life.user).await;
    let grants = life.grants.iter();
    let expected: Vec<_> = grants
        .map(|(start, credits)| (start.format("%Y-%m-%d").to_string(), *credits))
        .collect();
    assert_eq!(simulation.grants(&life.user).await, expected, "{why}");
    assert_eq!(balance, life.balance, "{why}");
}

/// The events of each moment come in time and in one of all orders.
async fn in_time(simulation: &mut Simulation, life: &Life, nth: usize, rounds: usize) {
    for (at, events) in &life.moments {
        let orders = permutations(events.len());
        let order = &orders[nth % orders.len()];
        let events: Vec<Value> = order.iter().map(|index| events[*index].clone()).collect();
        simulation.ledger.now = *at + TimeDelta::seconds(3);
        // The daily job has granted what was due.
        let _ = simulation.balance(&life.user).await;
        send(simulation, life, &events, rounds).await;
    }
    check(
        simulation,
        life,
        &format!("{} in time, order {nth}", life.user),
    )
    .await;
}

/// All events come after the end, in a shuffled order, as after a long outage.
async fn late(simulation: &mut Simulation, life: &Life, shuffles: &mut Shuffles) {
    let events = life.moments.iter().flat_map(|(_, events)| events.clone());
    let mut events: Vec<Value> = events.collect();
    let (end, _) = life.moments.last().expect("a moment");
    simulation.ledger.now = *end + TimeDelta::days(2);
    shuffles.shuffle(&mut events);
    send(simulation, life, &events, 2).await;
    // Late events wait for each other for 15 minutes.
    simulation.ledger.now += TimeDelta::minutes(16);
    let _ = simulation.balance(&life.user).await;
    shuffles.shuffle(&mut events);
    send(simulation, life, &events, 1).await;
    let ids: Vec<_> = events.iter().map(|event| event["id"].clone()).collect();
    check(simulation, life, &format!("late: {ids:?}")).await;
}

/// Lives with all orders of a moment of up to four events, and some shuffled ones.
async fn every_order(database: TestDatabase, trial: &str, lives: &[(&str, Tell)], orders: usize) {
    let mut simulation = Simulation::new(database, begin(), trial).await;
    for (name, tell) in lives {
        for nth in 0..orders {
            let version = VERSIONS[nth % VERSIONS.len()];
            let user = format!("{name}-{nth}");
            let life = tell(Story::new(user, begin(), version));
            // Some of them ten times.
            let rounds = if nth % 8 == 0 { 10 } else { 2 };
            in_time(&mut simulation, &life, nth, rounds).await;
        }
        for seed in 0..orders / 2 {
            let version = VERSIONS[seed % VERSIONS.len()];
            let user = format!("{name}-late-{seed}");
            let life = tell(Story::new(user, begin(), version));
            let mut shuffles = Shuffles(u64::try_from(seed).expect("few"));
            late(&mut simulation, &life, &mut shuffles).await;
        }
    }
    let open = "SELECT count(*) FROM payment_event WHERE status NOT IN ('APPLIED', 'IGNORED')";
    assert_eq!(simulation.ledger.number(open).await, 0);
    simulation.ledger.now = begin() + TimeDelta::days(400);
    simulation.ledger.verify().await;
}

/// Conformance: Payment webhooks: Whole lives of subscriptions, with renewals, changes of plan,
/// seats, late payments, refunds, disputes and fixed billing days, lead to the same ledger in every
/// order of the events of a moment, and when all events come late in any order
#[tokio::test]
async fn lives_of_subscriptions_lead_to_the_same_ledger_in_every_order() {
    let [postgres, sqlite] = TestDatabase::each().await;
    every_order(sqlite, "grant", &LIVES, 24).await;
    every_order(postgres, "grant", &LIVES, 4).await;
}

/// Conformance: Payment webhooks: After a trial the months count from its start if trials are
/// granted, or else from its end, in every order of the events
#[tokio::test]
async fn a_trial_that_is_paid_later_leads_to_the_same_ledger_in_every_order() {
    for (setting, tell) in [
        ("grant", trial_that_is_granted as Tell),
        ("wait", trial_that_waits),
    ] {
        let [postgres, sqlite] = TestDatabase::each().await;
        let lives = [(setting, tell)];
        every_order(sqlite, setting, &lives, 24).await;
        every_order(postgres, setting, &lives, 4).await;
    }
}

/// A checkout of several packages that are sold per unit, and a refund of a half of it.
#[tokio::test]
async fn a_quantity_is_credited_and_refunded() {
    for database in TestDatabase::each().await {
        let mut simulation = Simulation::new(database, begin(), "grant").await;
        let story = Story::new("buyer".to_owned(), begin(), VERSIONS[3]);
        let session = json!({
            "id": "cs_1", "mode": "payment", "payment_status": "paid",
            "payment_intent": "pi_buyer0",
            "client_reference_id": "buyer", "amount_total": 2000, "currency": "usd",
            "metadata": {"priceId": "price_lite", "quantity": "3"},
        });
        let paid = story.event("c", "checkout.session.completed", begin(), session.clone());
        for _ in 0..2 {
            let found = simulation.deliver(Provider::Stripe, &paid).await;
            assert_eq!(found, Some(StoredStatus::Applied));
        }
        assert_eq!(simulation.balance("buyer").await, 330);
        let mut refund = story.refund(0, 1000, begin());
        refund["data"]["object"]["payment_intent"] = "pi_buyer0".into();
        let found = simulation.deliver(Provider::Stripe, &refund).await;
        assert_eq!(found, Some(StoredStatus::Applied));
        assert_eq!(simulation.balance("buyer").await, 165);
        // Without a quantity it is not known what was paid.
        let mut unknown = session;
        unknown["metadata"] = json!({"priceId": "price_lite"});
        unknown["payment_intent"] = "pi_other".into();
        let unknown = story.event("x", "checkout.session.completed", begin(), unknown);
        let found = simulation.deliver(Provider::Stripe, &unknown).await;
        assert_eq!(found, Some(StoredStatus::Unmapped));
        simulation.ledger.verify().await;
    }
}
