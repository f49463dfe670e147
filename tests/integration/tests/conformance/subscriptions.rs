//! Subscriptions and their grants, written to and read from the database.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{credits_batch, credits_transaction, subscription};
use ledger::{
    Decision, Period, Refusal, Skipped, Status,
    SubscriptionStatus::{Active, Canceled, PastDue, Paused},
};
use sea_orm::EntityTrait;
use testkit::ledger::{
    TestLedger, buy_credits, consume, freeze, grant_period, register, settled, subscribe,
};

use super::idempotency::replay_of;

async fn row(ledger: &TestLedger, id: &str) -> subscription::Model {
    let row = subscription::Entity::find_by_id(id).one(ledger.store.read_connection());
    row.await.expect("a query").expect("the subscription")
}

/// The start of the period `months` months after `anchor`.
fn after(anchor: DateTime<Utc>, months: u32) -> DateTime<Utc> {
    ledger::period::start(anchor, months)
}

/// Conformance: Amounts, time and spending order: With `validityDays` d, credits expire d × 24
/// hours after they are granted
/// Conformance: Commands: A `subscription` activation opens the wallet and grants the current
/// period at once
/// Conformance: Monthly grants: `grantPeriod` is the `YYYY-MM` of the start of the period
pub async fn an_activation_is_written_with_its_grant_and_replayed_whole(ledger: TestLedger) {
    let event = subscribe("evt-1", "ada", "sub_1", "pro", Active, ledger.now);
    let first = ledger.one(event.clone()).await;
    assert_eq!((first.amount, first.balance), (200, Some(200)));
    let before = ledger.fingerprint().await;
    let again = ledger.one(event).await;
    assert!(again.replayed);
    assert_eq!(again.amount, 200);
    assert_eq!(again.transactions, first.transactions);
    assert_eq!(again.allocations, first.allocations);
    let job = ledger.one(grant_period("ada", "sub_1", ledger.now)).await;
    assert!(
        job.replayed && job.amount == 200,
        "the job's reference is taken"
    );
    assert_eq!(
        ledger.fingerprint().await,
        before,
        "a replay writes nothing"
    );

    let row = row(&ledger, "sub_1").await;
    assert_eq!(row.next_period_start, Some(after(ledger.now, 1)));
    assert_eq!(row.due_at, row.next_period_start);
    let db = ledger.store.read_connection();
    let rows = credits_transaction::Entity::find()
        .all(db)
        .await
        .expect("rows");
    let grant = rows
        .iter()
        .find(|row| row.kind == "monthly_grant")
        .expect("a grant");
    let event = rows
        .iter()
        .find(|row| row.kind == "subscription")
        .expect("an event");
    assert_eq!(grant.subscription_id.as_deref(), Some("sub_1"));
    assert_eq!(grant.period_start, Some(ledger.now));
    assert_eq!(grant.related_id, Some(event.id));
    assert_eq!(
        grant.debit_account.as_deref(),
        Some("SYSTEM:subscription-grant")
    );
    assert_eq!((event.amount, event.status.as_str()), (0, "COMPLETED"));
    let batches = credits_batch::Entity::find()
        .all(db)
        .await
        .expect("batches");
    let month = ledger.now.format("%Y-%m").to_string();
    assert_eq!(batches[0].source_type, "SUBSCRIPTION");
    assert_eq!(batches[0].source_plan.as_deref(), Some("pro"));
    assert_eq!(batches[0].grant_period.as_deref(), Some(month.as_str()));
    assert_eq!(
        batches[0].expires_at,
        Some(ledger.now + TimeDelta::days(30))
    );
    ledger.verify().await;
}

pub async fn a_clipped_grant_of_an_activation_is_replayed_with_the_clipped_amount(
    mut ledger: TestLedger,
) {
    ledger.rules.max_user_balance = 260;
    ledger.one(buy_credits("p1", "ada", 150)).await;
    let event = subscribe("evt-1", "ada", "sub_1", "pro", Active, ledger.now);
    let first = ledger.one(event.clone()).await;
    assert_eq!((first.amount, first.clipped), (110, Some(90)));
    let again = ledger.one(event).await;
    assert_eq!(again, replay_of(&first));
    ledger.verify().await;
}

pub async fn the_timeline_of_a_subscription_survives_from_group_to_group(mut ledger: TestLedger) {
    ledger
        .rules
        .plans
        .get_mut("pro")
        .expect("pro")
        .validity_days = Some(365);
    let start = ledger.now;
    let event = |reference: &str, status, days| {
        let at = start + TimeDelta::days(days);
        subscribe(reference, "ada", "sub_1", "pro", status, at)
    };
    ledger.now = start + TimeDelta::days(5);
    let ended = ledger.one(event("e1", Paused, 4)).await;
    assert_eq!(ended.amount, 0);
    let begun = ledger.one(event("e2", Active, 0)).await;
    assert!(begun.stale, "the pause arrived first");
    assert_eq!(begun.amount, 0, "other late events may still arrive");
    ledger.now += TimeDelta::minutes(15);
    assert_eq!(ledger.one(consume("c1", "ada", 1)).await.balance, Some(199));
    ledger.now = start + TimeDelta::days(70);
    let resumed = ledger.one(event("e3", Active, 70)).await;
    assert_eq!(resumed.amount, 200, "the period that contains the day");
    ledger.one(event("e4", PastDue, 70)).await;
    ledger.now = start + TimeDelta::days(100);
    assert_eq!(
        ledger.one(event("e5", Active, 100)).await.amount,
        200,
        "the period that was missed while the subscription was past due"
    );
    ledger.one(event("e6", Canceled, 100)).await;
    let row = row(&ledger, "sub_1").await;
    assert_eq!((row.status.as_str(), row.due_at), ("CANCELED", None));
    assert_eq!(row.activated_at, Some(start + TimeDelta::days(70)));
    assert_eq!(row.ended_at, Some(start + TimeDelta::days(100)));
    ledger.verify().await;
}

/// Conformance: Monthly grants: Each period of a subscription is granted once, also with two
/// concurrent writers
pub async fn two_writers_grant_a_period_once(mut ledger: TestLedger) {
    let users: Vec<String> = (0..50).map(|user| format!("user-{user}")).collect();
    let begin: Vec<_> = users
        .iter()
        .map(|user| {
            subscribe(
                user,
                user,
                &format!("sub-{user}"),
                "pro",
                Active,
                ledger.now,
            )
        })
        .collect();
    ledger.settle(&begin).await;
    let start = after(ledger.now, 1);
    ledger.now = start + TimeDelta::hours(1);
    let mut writers = Vec::new();
    for writer in 0..2 {
        let (store, rules, now) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
        );
        let mut commands: Vec<_> = users
            .iter()
            .map(|user| grant_period(user, &format!("sub-{user}"), start))
            .collect();
        if writer == 1 {
            commands.reverse();
        }
        writers.push(tokio::spawn(async move {
            store
                .commit_group(&commands, &rules, now)
                .await
                .expect("no deadlock")
        }));
    }
    let mut granted = 0;
    for writer in writers {
        let decisions = writer.await.expect("a writer");
        granted += decisions
            .iter()
            .map(settled)
            .filter(|outcome| !outcome.replayed && outcome.amount == 200)
            .count();
    }
    assert_eq!(granted, users.len());
    assert_eq!(
        ledger
            .number("SELECT CAST(sum(balance) AS bigint) FROM credits_balance")
            .await,
        50 * 400
    );
    ledger.verify().await;
}

/// Conformance: Commands: A subscription belongs to exactly one user
pub async fn a_subscription_belongs_to_one_user_also_within_a_group(ledger: TestLedger) {
    let of = |reference: &str, user: &str| {
        subscribe(reference, user, "sub_1", "pro", Active, ledger.now)
    };
    let conflict = Decision::Unapplied(Refusal::SubscriptionConflict.into());
    let both = ledger.commit(&[of("e1", "ada"), of("e2", "bob")]).await;
    assert_eq!(settled(&both[0]).amount, 200);
    assert_eq!(both[1], conflict);
    assert_eq!(ledger.commit(&[of("e3", "cyd")]).await, [conflict]);
    assert_eq!(
        ledger.number("SELECT count(*) FROM credits_balance").await,
        1
    );
    ledger.verify().await;
}

/// Conformance: Commands: A subscription belongs to exactly one user
pub async fn two_writers_open_the_same_subscription_for_two_users_and_one_wins(ledger: TestLedger) {
    let mut writers = Vec::new();
    for user in ["ada", "bob"] {
        let (store, rules, now) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
        );
        let commands: Vec<_> = (0..20)
            .map(|n| {
                subscribe(
                    &format!("{user}-{n}"),
                    user,
                    &format!("sub-{n}"),
                    "pro",
                    Active,
                    now,
                )
            })
            .collect();
        writers.push(tokio::spawn(async move {
            loop {
                // A lane retries a group that failed because of another one.
                if let Ok(decisions) = store.commit_group(&commands, &rules, now).await {
                    return decisions;
                }
            }
        }));
    }
    let mut applied = 0;
    for writer in writers {
        let decisions = writer.await.expect("a writer");
        applied += decisions
            .iter()
            .filter(|decision| matches!(decision, Decision::Settled(_)))
            .count();
    }
    assert_eq!(applied, 20);
    assert_eq!(ledger.number("SELECT count(*) FROM subscription").await, 20);
    ledger.verify().await;
}

/// Conformance: Monthly grants: A period whose credits would already have expired is recorded as
/// skipped
pub async fn a_skipped_period_is_recorded_and_a_full_wallet_does_not_block(mut ledger: TestLedger) {
    let start = ledger.now;
    ledger
        .one(subscribe("e1", "ada", "sub_1", "pro", Active, start))
        .await;
    ledger.rules.max_user_balance = 200;
    ledger.now = after(start, 2) - TimeDelta::minutes(1);
    let lapsed = ledger
        .one(grant_period("ada", "sub_1", after(start, 1)))
        .await;
    assert_eq!(lapsed.skipped, Some(Skipped::Expired));
    ledger.one(buy_credits("p1", "ada", 500)).await;
    ledger.now = after(start, 2) + TimeDelta::hours(1);
    let full = ledger
        .one(grant_period("ada", "sub_1", after(start, 2)))
        .await;
    assert_eq!(
        full.refused.as_ref().map(|refused| refused.code),
        Some(Refusal::MaxBalanceReached)
    );
    assert_eq!((full.amount, full.clipped), (0, Some(200)));
    let again = ledger
        .one(grant_period("ada", "sub_1", after(start, 2)))
        .await;
    assert!(again.replayed && again.status() == Status::Failed);
    assert_eq!(again.clipped, Some(200));
    assert_eq!(row(&ledger, "sub_1").await.due_at, Some(after(start, 3)));
    ledger.verify().await;
}

/// Conformance: Monthly grants: The free plan is granted from a month after registration, only
/// while no paid plan runs
pub async fn the_free_plan_follows_a_registration_and_is_paused_by_a_paid_plan(
    mut ledger: TestLedger,
) {
    let start = ledger.now;
    ledger.one(register("g1", "ada")).await;
    ledger.now = after(start, 1) + TimeDelta::hours(1);
    let grant = ledger
        .one(grant_period("ada", "free:ada", after(start, 1)))
        .await;
    assert_eq!(grant.amount, 10);
    ledger
        .one(subscribe("e1", "ada", "sub_1", "pro", Active, ledger.now))
        .await;
    ledger.now = after(start, 2) + TimeDelta::hours(2);
    let covered = ledger
        .one(grant_period("ada", "free:ada", after(start, 2)))
        .await;
    assert_eq!(
        (covered.amount, covered.skipped),
        (0, Some(Skipped::PaidPlan))
    );
    ledger
        .one(subscribe("e2", "ada", "sub_1", "pro", Canceled, ledger.now))
        .await;
    ledger.now = after(start, 3) + TimeDelta::hours(3);
    let back = ledger
        .one(grant_period("ada", "free:ada", after(start, 3)))
        .await;
    assert_eq!((back.amount, back.skipped), (10, None));
    assert_eq!(Period::containing(start, ledger.now).start, after(start, 3));
    ledger.verify().await;
}

/// Conformance: Commands: A wallet frozen by `freeze` refuses `consume` and accepts all other
/// commands, until `unfreeze`
/// Conformance: Commands: `freeze` stores its reason and its actor
pub async fn a_frozen_wallet_stays_frozen_until_it_is_unfrozen(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 100)).await;
    assert_eq!(
        ledger.one(freeze("f1", "ada", true)).await.status(),
        Status::Completed
    );
    let spent = ledger.one(consume("c1", "ada", 1)).await;
    assert_eq!(
        spent.refused.as_ref().map(|refused| refused.code),
        Some(Refusal::WalletFrozen)
    );
    assert_eq!(
        ledger.one(buy_credits("p2", "ada", 5)).await.balance,
        Some(105)
    );
    assert!(ledger.one(freeze("f1", "ada", true)).await.replayed);
    ledger.one(freeze("f2", "ada", false)).await;
    assert_eq!(ledger.one(consume("c2", "ada", 1)).await.balance, Some(104));
    assert!(
        ledger.one(consume("c1", "ada", 1)).await.replayed,
        "a refusal stands"
    );
    let rows = credits_transaction::Entity::find()
        .all(ledger.store.read_connection())
        .await
        .expect("rows");
    let frozen = rows.iter().find(|row| row.kind == "freeze").expect("a row");
    let request = &frozen.detail.as_ref().expect("a detail")["request"];
    assert_eq!(
        (&request["reason"], &request["actor"]),
        (&"chargeback".into(), &"ops:maria".into())
    );
    ledger.verify().await;
}
