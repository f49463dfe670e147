//! The wallet cache of a store: a cached wallet is never used after another session has written it.

use chrono::TimeDelta;
use integration::faults::rng::Rng;
use ledger::{
    Action, Book, Command, Decision, Item, Late, Origin, Outcome, Overrun, Refusal,
    TransactionType, Wallet,
};
use testkit::ledger::{
    TestLedger, buy, buy_credits, buy_package, capture, command, consume, expire, freeze, hold,
    late, promote, register, release, use_service,
};
use uuid::Uuid;

use super::idempotency::replay_of;

const USERS: [&str; 4] = ["ada", "bob", "eve", "zoe"];
const GROUPS: usize = 250;

/// An outcome as text without ids, which differ between ledgers.
fn outcome_text(decision: &Decision) -> String {
    let Decision::Settled(outcome) = decision else {
        return format!("{decision:?}");
    };
    let kinds: Vec<(TransactionType, i64)> = outcome
        .transactions
        .iter()
        .map(|(_, kind, amount)| (*kind, *amount))
        .collect();
    let moved: Vec<(i64, i64)> = outcome
        .allocations
        .iter()
        .map(|one| (one.amount, one.batch_remaining))
        .collect();
    let rest = Outcome {
        transactions: Vec::new(),
        allocations: Vec::new(),
        ..outcome.clone()
    };
    format!("{rest:?} {kinds:?} {moved:?}")
}

/// A random command. Sometimes it is a copy of an earlier one.
fn anything(rng: &mut Rng, ledger: &TestLedger, sent: &[Command]) -> Command {
    if !sent.is_empty() && rng.percent(3) {
        return rng.pick(sent).clone();
    }
    let (user, reference) = (*rng.pick(&USERS), format!("r-{}", sent.len()));
    let days = || Some(1 + (sent.len() as i64 * 7) % 40);
    match rng.below(100) {
        0..=2 => freeze(&reference, user, true),
        3..=6 => freeze(&reference, user, false),
        7..=8 => expire(user, ledger.now),
        9..=10 => command(Origin::Funding, &reference, user, Action::RegistrationBonus),
        11..=22 => promote(&reference, user, 1 + rng.below(40) as i64, days()),
        23..=32 => {
            let item = Item::Credits {
                credits: 1 + rng.below(60) as i64,
                validity_days: days(),
            };
            buy(&reference, user, item)
        }
        33..=36 => buy_credits(&reference, user, 5),
        37..=45 => {
            let ago = TimeDelta::hours(rng.below(60) as i64);
            late(
                consume(&reference, user, 1 + rng.below(9) as i64),
                ledger.now,
                ago,
            )
        }
        46..=47 => consume(&reference, user, 10_000),
        48..=51 => buy_package(&reference, user, "lite"),
        52..=55 => use_service(&reference, user, "google:chat", None),
        56..=77 => use_of_a_hold(rng, ledger, sent, &reference),
        _ => consume(&reference, user, 1 + rng.below(12) as i64),
    }
}

/// A random hold, or a capture or release of one of the last holds.
fn use_of_a_hold(rng: &mut Rng, ledger: &TestLedger, sent: &[Command], reference: &str) -> Command {
    let made = sent.iter().rev();
    let made = made.filter(|one| matches!(one.action, Action::Hold(_)));
    let made: Vec<_> = made.take(6).collect();
    if made.is_empty() || rng.percent(40) {
        let mut made = hold(
            reference,
            rng.pick::<&str>(&USERS),
            1 + rng.below(15) as i64,
        );
        if let Action::Hold(hold) = &mut made.action {
            hold.expires_in_seconds = Some(1 + rng.below(86_400) as i64);
        }
        return made;
    }
    let made = rng.pick(&made);
    let (user, name) = (made.user_id.as_str(), made.reference_id.as_str());
    if rng.percent(15) {
        return release(reference, user, name);
    }
    let amount = rng.percent(60).then(|| 1 + rng.below(20) as i64);
    let mut used = capture(reference, user, name, amount);
    if let Action::Capture(capture) = &mut used.action {
        capture.is_final = rng.percent(50).then(|| rng.percent(50));
        capture.overrun = *rng.pick(&[None, Some(Overrun::Cap), Some(Overrun::Reject)]);
        capture.late = *rng.pick(&[None, Some(Late::Reject)]);
    }
    if rng.percent(50) {
        let ago = TimeDelta::minutes(rng.below(1_400) as i64);
        used = late(used, ledger.now, ago);
    }
    if rng.percent(20) {
        used.origin = Origin::Funding;
    }
    used
}

pub async fn two_stores_in_turn_decide_like_one_book(mut ledger: TestLedger) {
    let second_store = ledger.another_store().await;
    let mut rng = Rng::new(20_261_125);
    let mut book = Book::default();
    let (mut sent, mut next) = (Vec::new(), 0_u128);
    for user in USERS {
        book.add_unopened_wallet(Wallet::new(Uuid::now_v7(), user.to_owned()));
    }
    let usual = ledger.rules.clone();
    for nth in 0..GROUPS {
        ledger.rules = usual.clone();
        match rng.below(20) {
            0 => ledger.rules.enabled = false,
            1 | 2 => {
                ledger.rules.packages.remove("lite");
                ledger.rules.prices.remove("google:chat");
            }
            _ => {}
        }
        ledger.now += TimeDelta::hours(rng.below(20) as i64);
        let group: Vec<Command> = (0..=rng.below(6))
            .map(|_| {
                let command = anything(&mut rng, &ledger, &sent);
                sent.push(command.clone());
                command
            })
            .collect();
        let expected: Vec<String> = group
            .iter()
            .map(|command| {
                let mut ids = || {
                    next += 1;
                    Uuid::from_u128(next)
                };
                let decided = book.decide(command, &ledger.rules, ledger.now, &mut ids);
                outcome_text(&decided.expect("a decision"))
            })
            .collect();
        let store = if rng.percent(70) {
            &ledger.store
        } else {
            &second_store
        };
        let decided = store.commit_group(&group, &ledger.rules, ledger.now).await;
        let actual: Vec<String> = decided.expect("a group").iter().map(outcome_text).collect();
        assert_eq!(actual, expected, "group {nth}: {group:#?}");
    }
    ledger.verify().await;
}

pub async fn a_store_without_other_writers_has_no_conflicts(ledger: TestLedger) {
    let fund = USERS.map(|user| buy_credits(&format!("p-{user}"), user, 30));
    ledger.settle(&fund).await;
    let (optimistic, conflicts) = ledger.optimistic_groups();
    // Alone and in company, out of one batch and of several, that are spent up; new batches;
    // refusals.
    for nth in 0..12 {
        let user = USERS[nth % USERS.len()];
        let of = |name: &str| format!("{name}-{nth}");
        ledger.one(consume(&of("alone"), user, 1)).await;
        let company = [
            consume(&of("some"), user, 4),
            promote(&of("gift"), user, 3, Some(nth as i64 + 1)),
            buy_credits(&of("more"), "eve", 2),
            consume(&of("too-much"), "zoe", 999),
            consume(&of("others"), "bob", 2),
        ];
        ledger.settle(&company).await;
    }
    let expected = if ledger.is_optimistic() { 24 } else { 0 };
    assert_eq!(
        ledger.optimistic_groups(),
        (optimistic + expected, conflicts)
    );
    ledger.verify().await;
}

pub async fn an_applied_command_is_replayed_under_any_later_configuration(mut ledger: TestLedger) {
    ledger.one(register("g1", "ada")).await;
    let group = [
        buy_package("p1", "ada", "lite"),
        use_service("c1", "ada", "google:chat", None),
    ];
    let first = ledger.settle(&group).await;
    let usual = ledger.rules.clone();
    for nth in 0..2 {
        if nth == 0 {
            ledger.rules.packages.remove("lite");
            ledger.rules.prices.remove("google:chat");
        } else {
            ledger.rules = usual.clone();
            ledger.rules.enabled = false;
        }
        for (command, outcome) in group.iter().zip(&first) {
            assert_eq!(ledger.one(command.clone()).await, replay_of(outcome));
        }
    }
    ledger.rules = usual;
    let conflict = ledger
        .one(use_service("c1", "ada", "unheard:of", None))
        .await;
    assert_eq!(
        conflict.refused.map(|refused| refused.code),
        Some(Refusal::ReferenceConflict)
    );
    ledger.verify().await;
}

pub async fn a_wallet_is_spent_in_order_even_if_only_few_of_its_batches_are_cached(
    ledger: TestLedger,
) {
    let buy_some = |n: i64, days| {
        let item = Item::Credits {
            credits: 10,
            validity_days: Some(days),
        };
        buy(&format!("p-{n}-{days}"), "ada", item)
    };
    let mut expected: Vec<i64> = (10..60).collect();
    for days in &expected {
        ledger.one(buy_some(0, *days)).await;
    }
    let mut spent = Vec::new();
    for nth in 0..25_i64 {
        // The amount is a multiple of a batch's credits, so each consumption empties two batches.
        let outcome = ledger.one(consume(&format!("c-{nth}"), "ada", 20)).await;
        spent.extend(outcome.allocations.iter().map(|one| one.batch_id));
        if nth % 5 == 0 {
            // One batch expires before all others, and one in the middle of the remaining ones.
            for days in [5, 40 + nth / 5] {
                ledger.one(buy_some(nth + 1, days)).await;
                expected.push(days);
            }
        }
    }
    let order = "SELECT count(*) FROM credits_batch b JOIN credits_batch c
        ON c.user_id = b.user_id AND c.expires_at < b.expires_at
        WHERE b.remaining < b.amount AND c.remaining > 0";
    assert_eq!(
        ledger.number(order).await,
        0,
        "the credits that expire first are spent first"
    );
    assert_eq!(spent.len(), 50);
    let left = ledger.number("SELECT balance FROM credits_balance").await;
    assert_eq!(left, expected.len() as i64 * 10 - 500);
    ledger.verify().await;
}
