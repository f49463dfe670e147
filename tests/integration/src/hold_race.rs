//! A race for holds: several stores, like those of several workers, use the same holds at once,
//! while credits are revoked, reinstated and refunded.

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{Action, Command, Decision, Late, Origin, Overrun, RevokeExtent, Rules, Status};
use scrip::store::Store;
use sea_orm::{ConnectionTrait, Statement};
use testkit::ledger::{
    TestLedger, buy_credits, capture, command, consume, expire, hold, late, promote, refund,
    reinstate, release, revoke, settled,
};

use crate::faults::rng::Rng;

const WRITERS: usize = 4;

/// The same capture with other options.
pub fn with(
    mut command: Command,
    is_final: Option<bool>,
    overrun: Option<Overrun>,
    late: Option<Late>,
) -> Command {
    if let Action::Capture(capture) = &mut command.action {
        (capture.is_final, capture.overrun, capture.late) = (is_final, overrun, late);
    }
    command
}

/// The credits that wallets and batches hold.
pub async fn held(ledger: &TestLedger) -> (i64, i64) {
    let wallets =
        ledger.number("SELECT CAST(coalesce(sum(held), 0) AS bigint) FROM credits_balance");
    let batches = ledger.number("SELECT CAST(coalesce(sum(held), 0) AS bigint) FROM credits_batch");
    (wallets.await, batches.await)
}

/// The number of open holds.
pub async fn open(ledger: &TestLedger) -> i64 {
    ledger
        .number("SELECT count(*) FROM credits_hold WHERE status = 'OPEN'")
        .await
}

/// Four writers make the same holds of some users, and each uses them in its own way, while holds
/// and batches expire, and purchases and promotions are revoked and reinstated. Nothing is captured
/// twice, nothing stays held, nothing is revoked twice, and all sums are exact.
pub async fn race(mut ledger: TestLedger, holds: usize, users: usize) {
    let user = |nth: usize| format!("user-{}", nth % users);
    let of_users = i64::try_from(users).expect("a small number");
    let fund: Vec<_> = (0..users)
        .map(|nth| buy_credits(&format!("p-{nth}"), &user(nth), 40))
        .collect();
    ledger.settle(&fund).await;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let store = ledger.another_store().await;
        let (rules, start) = (ledger.rules.clone(), ledger.now);
        let own: Vec<(i64, String)> = (0_i64..).zip((0..holds).map(&user)).collect();
        tasks.push(tokio::spawn(async move {
            let mut rng = Rng::new(20_261_130 + writer as u64);
            for chunk in own.chunks(20) {
                let now = start + TimeDelta::seconds(chunk[0].0 * 3);
                let commands = commands_of_a_race(&mut rng, writer, chunk, of_users, now);
                commit(&store, &commands, &rules, now).await;
            }
        }));
    }
    for task in tasks {
        task.await.expect("a writer");
    }
    // Promotions expire after a day, and are removed a day later.
    ledger.now += TimeDelta::days(3);
    for nth in 0..users {
        ledger.one(expire(&user(nth), ledger.now)).await;
    }
    spend_the_rest(&ledger).await;
    assert_eq!(open(&ledger).await, 0, "nothing stays held");
    assert_eq!(held(&ledger).await, (0, 0));
    let overdrawn = "SELECT count(*) FROM credits_hold h WHERE captured > amount";
    assert_eq!(ledger.number(overdrawn).await, 0);
    let revoked = "SELECT count(*) FROM credits_revocation WHERE revoked > 0";
    assert!(ledger.number(revoked).await > 0, "something was revoked");
    let negative = "SELECT count(*) FROM credits_balance WHERE balance < held OR debt < 0";
    assert_eq!(ledger.number(negative).await, 0);
    ledger.verify().await;
}

/// Spends what is left of each wallet. The writers have clocks of their own, so a release may have
/// written a batch last at a time before its hold was made, which `verify` finds.
async fn spend_the_rest(ledger: &TestLedger) {
    let statement = Statement::from_string(
        ledger.database.backend(),
        "SELECT user_id, balance FROM credits_balance WHERE balance > 0",
    );
    let rows = ledger.database.connection().query_all_raw(statement).await;
    let rest = rows.expect("the wallets").into_iter().map(|row| {
        let user: String = row.try_get_by_index(0).expect("a user");
        let balance = row.try_get_by_index(1).expect("a balance");
        consume(&format!("rest-{user}"), &user, balance)
    });
    let rest: Vec<Command> = rest.collect();
    for outcome in ledger.settle(&rest).await {
        assert_eq!(outcome.status(), Status::Completed);
    }
}

/// All writers make the same holds, and use them in their own ways.
fn commands_of_a_race(
    rng: &mut Rng,
    writer: usize,
    chunk: &[(i64, String)],
    users: i64,
    now: DateTime<Utc>,
) -> Vec<Command> {
    let mut commands = Vec::new();
    for (nth, user) in chunk {
        let name = format!("h-{nth}");
        let mut made = hold(&name, user, 1 + nth % 7);
        if let Action::Hold(hold) = &mut made.action {
            hold.expires_in_seconds = Some(1 + nth % 60);
        }
        commands.push(made);
        let own = |kind: &str| format!("{kind}-{nth}-{writer}");
        let amount = Some(1 + rng.below(9).cast_signed());
        let seconds = TimeDelta::seconds(rng.below(90).cast_signed());
        commands.push(match rng.below(12) {
            8 => revoke(
                &format!("v-{nth}"),
                user,
                &format!("p-{}", nth % users),
                RevokeExtent::Share(50_000),
            ),
            9 => revoke(
                &own("v"),
                user,
                &format!("g-{}-{writer}", nth - users * rng.below(3).cast_signed()),
                RevokeExtent::All,
            ),
            10 => reinstate(
                &own("w"),
                user,
                &format!("v-{}", nth - users * rng.below(3).cast_signed()),
            ),
            11 => refund(
                &own("b"),
                user,
                &format!("c-{}-{writer}", nth - users * rng.below(3).cast_signed()),
                None,
            ),
            0 => consume(&own("u"), user, 1 + rng.below(5).cast_signed()),
            1 => release(&own("r"), user, &name),
            2 => promote(&own("g"), user, 1 + rng.below(4).cast_signed(), Some(1)),
            3 => expire(user, now),
            4 => with(
                capture(&own("c"), user, &name, amount),
                Some(false),
                None,
                None,
            ),
            5 => {
                let capped = Some(Overrun::Cap);
                let capture = capture(&own("c"), user, &name, amount);
                late(with(capture, None, capped, None), now, seconds)
            }
            6 => {
                let capture = capture(&own("c"), user, &name, None);
                late(with(capture, None, None, Some(Late::Reject)), now, seconds)
            }
            _ => command(
                Origin::Funding,
                &own("s"),
                user,
                capture("", user, &name, None).action,
            ),
        });
    }
    commands
}

async fn commit(store: &Store, commands: &[Command], rules: &Rules, now: DateTime<Utc>) {
    let decisions = store
        .commit_group(commands, rules, now)
        .await
        .expect("a group");
    for decision in &decisions {
        // A revocation of an unknown deposit waits for it as a dead letter.
        if matches!(decision, Decision::Unapplied(_)) {
            continue;
        }
        let outcome = settled(decision);
        assert!(
            outcome.available.is_none_or(|available| available >= 0),
            "{outcome:?}"
        );
        assert!(outcome.status() == Status::Completed || outcome.amount == 0);
    }
}
