//! Subscriptions: the effect of each event, in and out of order, and the grants that follow.

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Book, Command, Consume, Decision, MonthlyGrant, Origin, Outcome, Period, Plan, Refusal,
    Rules, Skipped, StatusChange, Subscription,
    SubscriptionStatus::{self, Active, Canceled, Expired, PastDue, Paused, Trialing},
    SubscriptionUpdate, TransactionType,
};
use uuid::Uuid;

fn at(text: &str) -> DateTime<Utc> {
    let text = if text.contains('T') {
        format!("{text}Z")
    } else {
        format!("{text}T00:00:00Z")
    };
    text.parse().expect("an instant")
}

struct Desk {
    book: Book,
    rules: Rules,
    now: DateTime<Utc>,
    references: u32,
    ids: u128,
}

impl Desk {
    fn new() -> Self {
        Self {
            book: Book::default(),
            rules: Rules::default(),
            now: at("2026-01-10"),
            references: 0,
            ids: 0,
        }
    }

    fn decide(&mut self, command: &Command) -> Decision {
        let ids = &mut self.ids;
        self.book
            .decide(command, &self.rules, self.now, &mut || {
                *ids += 1;
                Uuid::from_u128(*ids)
            })
            .expect("a consistent book")
    }

    fn send(&mut self, user: &str, occurred_at: Option<DateTime<Utc>>, action: Action) -> Decision {
        self.references += 1;
        let command = command(&format!("r{}", self.references), user, occurred_at, action);
        self.decide(&command)
    }

    fn event(&mut self, day: &str, status: SubscriptionStatus, plan: &str) -> Outcome {
        settled(self.send(
            "u",
            Some(at(day)),
            subscription("sub", plan, status, None, None),
        ))
    }

    /// Sends all commands that the job would send.
    fn job(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let subscriptions = self.book.subscriptions("u").to_vec();
        for subscription in subscriptions {
            for due in subscription.due_periods(&self.rules, self.now) {
                let command = monthly("u", &subscription.id, due.period.start);
                outcomes.push(settled(self.decide(&command)));
            }
        }
        outcomes
    }

    fn known(&self) -> &Subscription {
        &self.book.subscriptions("u")[0]
    }

    fn granted(&self) -> Vec<(String, i64)> {
        let grants = self.book.postings().iter();
        grants
            .filter(|posting| {
                posting.kind == TransactionType::MonthlyGrant && posting.refusal.is_none()
            })
            .map(|posting| {
                let start = posting.period_start.expect("a period");
                (start.format("%Y-%m-%d").to_string(), posting.amount)
            })
            .collect()
    }
}

fn command(
    reference: &str,
    user: &str,
    occurred_at: Option<DateTime<Utc>>,
    action: Action,
) -> Command {
    Command {
        origin: Origin::Funding,
        reference_id: reference.to_owned(),
        user_id: user.to_owned(),
        occurred_at,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action,
    }
}

fn subscription(
    id: &str,
    plan: &str,
    status: SubscriptionStatus,
    anchor: Option<DateTime<Utc>>,
    paid_through: Option<DateTime<Utc>>,
) -> Action {
    Action::Subscription(SubscriptionUpdate {
        subscription_id: id.to_owned(),
        plan: plan.to_owned(),
        status,
        anchor,
        paid_through,
    })
}

fn monthly(user: &str, id: &str, start: DateTime<Utc>) -> Command {
    let action = Action::MonthlyGrant(MonthlyGrant {
        subscription_id: id.to_owned(),
        period_start: start,
    });
    Command {
        origin: Origin::Internal,
        ..command(
            &format!("grant:{id}:{}", start.format("%Y-%m-%d")),
            user,
            None,
            action,
        )
    }
}

fn settled(decision: Decision) -> Outcome {
    match decision {
        Decision::Settled(outcome) => outcome,
        Decision::Unapplied(refused) => panic!("unapplied: {refused}"),
    }
}

fn code(outcome: &Outcome) -> Option<Refusal> {
    outcome.refused.as_ref().map(|refused| refused.code)
}

fn days(granted: &[(String, i64)]) -> Vec<&str> {
    granted.iter().map(|(day, _)| day.as_str()).collect()
}

/// Conformance: Commands: A `subscription` activation opens the wallet and grants the current
/// period at once
#[test]
fn an_activation_opens_the_wallet_and_grants_the_current_period_at_once() {
    let mut desk = Desk::new();
    let outcome = desk.event("2026-01-10", Active, "pro");
    assert_eq!((outcome.amount, outcome.balance), (200, Some(200)));
    let kinds: Vec<_> = outcome
        .transactions
        .iter()
        .map(|(_, kind, amount)| (*kind, *amount))
        .collect();
    assert_eq!(
        kinds,
        [
            (TransactionType::Subscription, 0),
            (TransactionType::MonthlyGrant, 200)
        ]
    );
    let batch = &desk.book.wallet("u").expect("a wallet").batches()[0];
    assert_eq!(batch.expires_at, Some(at("2026-02-09")));
    assert_eq!(batch.grant_period.as_deref(), Some("2026-01"));
    assert_eq!(batch.source_plan.as_deref(), Some("pro"));
    assert_eq!(desk.known().state.due_at, Some(at("2026-02-10")));
}

#[test]
fn the_same_event_again_repeats_the_whole_outcome() {
    let mut desk = Desk::new();
    let sent = command(
        "evt",
        "u",
        None,
        subscription("sub", "pro", Active, None, None),
    );
    let first = settled(desk.decide(&sent));
    let again = settled(desk.decide(&sent));
    assert!(again.replayed);
    assert_eq!(again.transactions, first.transactions);
    assert_eq!(again.allocations, first.allocations);
    let other = command(
        "evt",
        "u",
        None,
        subscription("sub", "free", Active, None, None),
    );
    assert_eq!(
        desk.decide(&other),
        Decision::Unapplied(Refusal::ReferenceConflict.into())
    );
}

/// Conformance: Amounts, time and spending order: With `validity = "period"`, credits expire when
/// the next period starts
#[test]
fn a_validity_of_the_period_ends_where_the_next_one_starts() {
    let mut desk = Desk::new();
    desk.rules.plans.insert(
        "period".to_owned(),
        Plan {
            enabled: true,
            credits: 7,
            validity_days: None,
        },
    );
    desk.now = at("2026-01-31T12:00:00");
    desk.event("2026-01-31T12:00:00", Active, "period");
    let batch = &desk.book.wallet("u").expect("a wallet").batches()[0];
    assert_eq!(batch.expires_at, Some(at("2026-02-28T12:00:00")));
}

/// Conformance: Idempotency: Purchase bonuses and monthly grants have the derived references
/// `bonus:…` and `grant:…`
#[test]
fn the_job_grants_each_period_once_and_catches_up_missed_periods() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    assert!(desk.job().is_empty(), "nothing is due yet");
    desk.now = at("2026-04-10T00:00:01");
    assert_eq!(desk.job().len(), 3);
    assert!(desk.job().is_empty(), "everything is granted");
    assert_eq!(
        days(&desk.granted()),
        ["2026-01-10", "2026-02-10", "2026-03-10", "2026-04-10"]
    );
    let again = settled(desk.decide(&monthly("u", "sub", at("2026-03-10"))));
    assert!(again.replayed && again.amount == 200);
}

#[test]
fn a_period_that_is_not_due_is_refused_and_not_recorded() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-03-15");
    for start in ["2026-01-09", "2026-02-11", "2026-04-10"] {
        let outcome = settled(desk.decide(&monthly("u", "sub", at(start))));
        assert_eq!(code(&outcome), Some(Refusal::NotDue), "{start}");
    }
    let unknown = settled(desk.decide(&monthly("u", "other", at("2026-02-10"))));
    assert_eq!(code(&unknown), Some(Refusal::NotDue));
    assert_eq!(desk.job().len(), 2);
}

/// Conformance: Monthly grants: A period whose credits would already have expired is recorded as
/// skipped
#[test]
fn a_period_whose_credits_would_have_expired_is_recorded_as_skipped() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-04-15");
    let outcomes = desk.job();
    let skipped: Vec<_> = outcomes.iter().map(|outcome| outcome.skipped).collect();
    assert_eq!(
        skipped,
        [Some(Skipped::Lapsed), Some(Skipped::Lapsed), None]
    );
    assert_eq!(outcomes[0].amount, 0);
    assert_eq!(outcomes[2].amount, 200);
}

/// Conformance: Commands: Subscription events may arrive in any order; each counts for the time it
/// happened
#[test]
fn a_late_activation_grants_every_period_since_it_happened() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(90);
    desk.now = at("2026-03-20");
    let outcome = desk.event("2026-01-10", Active, "pro");
    assert_eq!(outcome.amount, 0, "other events may still be on their way");
    desk.now = at("2026-03-20T00:14:59");
    assert!(desk.job().is_empty());
    desk.now = at("2026-03-20T00:15:00");
    desk.job();
    assert_eq!(
        days(&desk.granted()),
        ["2026-01-10", "2026-02-10", "2026-03-10"]
    );
}

/// Conformance: Monthly grants: The first period of a subscription contains its activation
#[test]
fn the_first_period_is_the_one_that_contains_the_activation() {
    let mut desk = Desk::new();
    desk.now = at("2026-03-20");
    let anchor = Some(at("2026-01-31"));
    let event = subscription("sub", "pro", Active, anchor, None);
    settled(desk.send("u", Some(at("2026-03-20")), event));
    assert_eq!(days(&desk.granted()), ["2026-02-28"]);
    assert_eq!(desk.known().state.due_at, Some(at("2026-03-31")));
}

/// Conformance: Monthly grants: The first period of a subscription contains its activation
#[test]
fn an_anchor_to_come_grants_from_there_on() {
    let mut desk = Desk::new();
    let event = subscription("sub", "pro", Active, Some(at("2026-01-24")), None);
    settled(desk.send("u", None, event));
    assert!(desk.granted().is_empty());
    desk.now = at("2026-01-24");
    assert_eq!(desk.job().len(), 1);
}

/// Conformance: Monthly grants: All periods of a subscription are counted from its original anchor
#[test]
fn a_later_anchor_does_not_begin_a_second_series() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-11");
    let event = subscription("sub", "pro", Active, Some(at("2026-02-11")), None);
    let outcome = settled(desk.send("u", Some(at("2026-02-11")), event));
    assert_eq!(
        outcome.amount, 200,
        "the period from the 10th, by the first anchor"
    );
    assert_eq!(days(&desk.granted()), ["2026-01-10", "2026-02-10"]);
}

/// Conformance: Monthly grants: Every past period in [activation, end) is granted later if missed,
/// also after a cancellation
/// Conformance: Monthly grants: A cancelled subscription keeps the credits that it was granted
#[test]
fn after_the_end_earlier_periods_are_still_granted_and_later_ones_are_not() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-04-01");
    let outcome = desk.event("2026-03-09", Canceled, "pro");
    assert_eq!(outcome.amount, 0);
    desk.now = at("2026-04-01T00:15:00");
    assert_eq!(desk.job().len(), 1, "February's, which no job granted");
    assert_eq!(desk.known().state.due_at, None);
    assert_eq!(days(&desk.granted()), ["2026-01-10", "2026-02-10"]);
}

/// Conformance: Monthly grants: No period from `paidThrough` on is granted; any event can raise
/// `paidThrough`, and none lowers it
#[test]
fn periods_are_granted_only_up_to_paid_through() {
    let mut desk = Desk::new();
    let until = |day| subscription("sub", "pro", Active, None, Some(at(day)));
    settled(desk.send("u", Some(at("2026-01-10")), until("2026-02-10")));
    desk.now = at("2026-02-12");
    assert!(desk.job().is_empty(), "the second month is not paid");
    let outcome = settled(desk.send("u", Some(at("2026-02-12")), until("2026-03-10")));
    assert_eq!(outcome.amount, 200, "as soon as it is paid");
    assert_eq!(days(&desk.granted()), ["2026-01-10", "2026-02-10"]);
}

/// Conformance: Monthly grants: Yearly and lifetime plans are granted monthly
#[test]
fn a_yearly_plan_gets_twelve_monthly_grants_and_a_lifetime_plan_goes_on() {
    for (paid_through, grants) in [(Some(at("2027-01-10")), 12), (None, 15)] {
        let mut desk = Desk::new();
        desk.rules.max_user_balance = 1_000_000;
        desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(3650);
        settled(desk.send(
            "u",
            None,
            subscription("sub", "pro", Active, None, paid_through),
        ));
        desk.now = at("2027-03-11");
        desk.job();
        assert_eq!(desk.granted().len(), grants);
    }
}

/// Conformance: Commands: A change of plan takes effect with the next period
#[test]
fn a_plan_that_changes_counts_from_the_next_period_on() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.rules.plans.insert(
        "max".to_owned(),
        Plan {
            enabled: true,
            credits: 500,
            validity_days: Some(365),
        },
    );
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-20");
    let outcome = desk.event("2026-02-20", Active, "max");
    assert_eq!(outcome.amount, 200, "February was due under the old plan");
    desk.now = at("2026-03-10");
    desk.job();
    let amounts: Vec<i64> = desk.granted().iter().map(|(_, amount)| *amount).collect();
    assert_eq!(amounts, [200, 200, 500]);
}

/// Conformance: Commands: Subscription events may arrive in any order; each counts for the time it
/// happened
#[test]
fn of_two_events_the_later_one_counts_in_either_order_of_arrival() {
    let mut desk = Desk::new();
    desk.now = at("2026-01-20");
    desk.event("2026-01-12", PastDue, "pro");
    let stale = desk.event("2026-01-11", Paused, "pro");
    assert!(stale.stale && stale.amount == 0);
    assert_eq!(desk.known().state.status, PastDue);
    assert_eq!(desk.known().state.reported_at, at("2026-01-12"));
}

/// Conformance: Commands: Among events of one instant, an end takes precedence over `active`, and
/// `active` over other statuses
#[test]
fn at_the_same_instant_ended_counts_before_active_and_active_before_the_rest() {
    let order = [
        (Canceled, Active),
        (Expired, Active),
        (Active, Trialing),
        (Active, PastDue),
        (Canceled, Paused),
    ];
    for (winner, loser) in order {
        for pair in [[winner, loser], [loser, winner]] {
            let mut desk = Desk::new();
            for status in pair {
                desk.event("2026-01-10", status, "pro");
            }
            assert_eq!(desk.known().state.status, winner, "{pair:?}");
        }
    }
}

/// Conformance: Commands: An activation reported after the end of its subscription is still granted
#[test]
fn an_end_that_arrives_before_the_start_still_grants_the_periods_between() {
    let mut desk = Desk::new();
    desk.now = at("2026-01-20");
    let ended = desk.event("2026-01-15", Canceled, "pro");
    assert_eq!(ended.amount, 0);
    let begun = desk.event("2026-01-10", Active, "pro");
    assert!(begun.stale);
    assert_eq!(begun.amount, 0);
    desk.now = at("2026-01-20T00:15:00");
    assert_eq!(desk.job().len(), 1);
    assert_eq!(desk.known().state.status, Canceled);
    desk.now = at("2026-04-01");
    assert!(desk.job().is_empty());
}

/// Conformance: Commands: A subscription event dated ahead counts at most 5 minutes ahead
#[test]
fn an_event_from_the_far_future_counts_from_when_it_was_received() {
    let mut desk = Desk::new();
    desk.event("2031-01-01", Active, "pro");
    assert_eq!(desk.known().state.reported_at, desk.now);
    desk.now += TimeDelta::minutes(1);
    let now = desk.now;
    settled(desk.send(
        "u",
        Some(now),
        subscription("sub", "pro", Canceled, None, None),
    ));
    assert_eq!(desk.known().state.status, Canceled);
}

/// Conformance: Commands: A subscription event dated ahead counts at most 5 minutes ahead
#[test]
fn a_providers_clock_that_is_ahead_delays_no_grant() {
    let mut desk = Desk::new();
    let ahead = desk.now + TimeDelta::seconds(90);
    let outcome = settled(desk.send(
        "u",
        Some(ahead),
        subscription("sub", "pro", Active, None, None),
    ));
    assert_eq!(outcome.amount, 200);
}

#[test]
fn a_grant_is_issued_at_the_current_time_not_at_the_time_in_the_command() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-11");
    let mut command = monthly("u", "sub", at("2026-02-10"));
    command.occurred_at = Some(at("2026-02-10T12:00:00"));
    settled(desk.decide(&command));
    let issued: Vec<_> = desk
        .book
        .wallet("u")
        .expect("a wallet")
        .batches()
        .iter()
        .map(|batch| batch.issued_at)
        .collect();
    assert_eq!(issued.last(), Some(&desk.now));
}

/// Conformance: Commands: Periods that a pause covers completely are not granted
#[test]
fn a_pause_within_a_period_grants_it_once_and_a_longer_one_skips_periods() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-01-15");
    desk.event("2026-01-12", Paused, "pro");
    assert_eq!(
        desk.event("2026-01-15", Active, "pro").amount,
        0,
        "January is granted already"
    );
    desk.now = at("2026-04-20");
    desk.event("2026-01-20", Paused, "pro");
    desk.event("2026-04-20", Active, "pro");
    desk.now = at("2026-04-20T00:15:00");
    desk.job();
    assert_eq!(days(&desk.granted()), ["2026-01-10", "2026-04-10"]);
}

/// Conformance: Commands: During `past_due`, periods wait once the grace period ends; a late
/// payment grants the waiting periods
#[test]
fn periods_that_waited_during_past_due_are_granted_after_the_payment() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-09");
    desk.event("2026-02-09", PastDue, "pro");
    desk.now = at("2026-03-12");
    assert!(desk.job().is_empty());
    let paid = desk.event("2026-03-12", Active, "pro");
    assert_eq!(paid.amount, 400);
    assert_eq!(
        days(&desk.granted()),
        ["2026-01-10", "2026-02-10", "2026-03-10"]
    );
}

/// Conformance: Commands: During `past_due`, periods wait once the grace period ends; a late
/// payment grants the waiting periods
#[test]
fn past_due_is_granted_within_its_grace_and_ends_with_it() {
    let mut desk = Desk::new();
    desk.rules.past_due_grace = TimeDelta::days(3);
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-09");
    desk.event("2026-02-09", PastDue, "pro");
    desk.now = at("2026-03-11");
    assert_eq!(desk.job().len(), 1, "February's, a day after it fell due");
    let ended = desk.event("2026-03-11", Canceled, "pro");
    assert_eq!(ended.amount, 0, "March was never paid");
    assert_eq!(desk.known().state.ended_at, Some(at("2026-02-12")));
}

/// Conformance: Commands: Periods of a trial are granted or wait, depending on
/// `subscriptions.trial`
#[test]
fn a_trial_is_granted_or_waits_as_the_setting_says() {
    let mut desk = Desk::new();
    assert_eq!(desk.event("2026-01-10", Trialing, "pro").amount, 200);
    let mut desk = Desk::new();
    desk.rules.trial_grants = false;
    assert_eq!(desk.event("2026-01-10", Trialing, "pro").amount, 0);
    desk.now = at("2026-01-24");
    assert_eq!(desk.event("2026-01-24", Active, "pro").amount, 200);
    assert_eq!(days(&desk.granted()), ["2026-01-10"]);
}

/// Conformance: Monthly grants: The free plan is granted from a month after registration, only
/// while no paid plan runs
#[test]
fn the_free_plan_is_granted_monthly_unless_a_paid_plan_covers_the_period() {
    let mut desk = Desk::new();
    desk.rules
        .plans
        .get_mut("free")
        .expect("free")
        .validity_days = Some(365);
    settled(desk.send("u", None, Action::RegistrationBonus));
    assert!(desk.job().is_empty(), "the first grant comes after a month");
    desk.now = at("2026-02-10");
    assert_eq!(desk.job()[0].amount, 10);
    desk.now = at("2026-03-01");
    desk.event("2026-03-01", Active, "pro");
    desk.now = at("2026-03-10");
    assert_eq!(desk.job()[0].skipped, Some(Skipped::PaidPlan));
    desk.now = at("2026-03-20");
    desk.event("2026-03-20", Canceled, "pro");
    desk.now = at("2026-04-10");
    let back = desk.job();
    assert_eq!(
        (back.len(), back[0].amount),
        (1, 10),
        "it falls back to the free plan"
    );
}

/// Conformance: Balance cap: A free grant is clipped to the cap and reports `granted` and
/// `clipped`; it fails with `max_balance_reached` if nothing fits
#[test]
fn a_grant_is_clipped_to_the_cap_and_a_full_wallet_is_not_retried() {
    let mut desk = Desk::new();
    desk.rules.max_user_balance = 250;
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-10");
    let clipped = &desk.job()[0];
    assert_eq!((clipped.amount, clipped.clipped), (50, Some(150)));
    desk.now = at("2026-03-10");
    let full = &desk.job()[0];
    assert_eq!(code(full), Some(Refusal::MaxBalanceReached));
    assert_eq!((full.amount, full.clipped), (0, Some(200)));
    assert!(desk.job().is_empty(), "it is not tried again");
    assert_eq!(desk.known().state.due_at, Some(at("2026-04-10")));
}

/// Conformance: Idempotency: A refusal decided by the configuration is answered but not stored
/// Conformance: Monthly grants: Periods of a disabled or unknown plan stay due
#[test]
fn a_plan_that_is_off_or_unknown_leaves_its_periods_due() {
    for broken in [true, false] {
        let mut desk = Desk::new();
        desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
        desk.event("2026-01-10", Active, "pro");
        let good = desk.rules.plans.clone();
        if broken {
            desk.rules.plans.remove("pro");
        } else {
            desk.rules.plans.get_mut("pro").expect("pro").enabled = false;
        }
        desk.now = at("2026-02-10");
        let expected = if broken {
            Refusal::UnknownPlan
        } else {
            Refusal::PlanDisabled
        };
        assert_eq!(code(&desk.job()[0]), Some(expected));
        assert_eq!(desk.known().state.due_at, Some(at("2026-02-10")));
        desk.rules.plans = good;
        assert_eq!(
            desk.job()[0].amount,
            200,
            "caught up when the plan is fixed"
        );
    }
}

/// Conformance: Commands: A subscription event that cannot be applied becomes a dead letter
/// `unapplied:{code}`
#[test]
fn an_event_that_cannot_be_applied_is_kept_because_it_was_paid_for() {
    let mut desk = Desk::new();
    let unapplied = |decision| match decision {
        Decision::Unapplied(refused) => refused.code,
        Decision::Settled(outcome) => panic!("{outcome:?}"),
    };
    let decision = desk.send("u", None, subscription("sub", "gold", Active, None, None));
    assert_eq!(unapplied(decision), Refusal::UnknownPlan);
    desk.rules.plans.get_mut("pro").expect("pro").enabled = false;
    let decision = desk.send("u", None, subscription("sub", "pro", Active, None, None));
    assert_eq!(unapplied(decision), Refusal::PlanDisabled);
    assert!(desk.book.wallet("u").is_none() && desk.book.postings().is_empty());
    desk.event("2026-01-10", Canceled, "gold");
    let decision = desk.send("v", None, subscription("sub", "free", Active, None, None));
    assert_eq!(unapplied(decision), Refusal::SubscriptionConflict);
    desk.rules.enabled = false;
    let decision = desk.send("u", None, subscription("sub", "free", Active, None, None));
    assert_eq!(unapplied(decision), Refusal::CreditsDisabled);
}

#[test]
fn a_frozen_wallet_cannot_spend_but_still_receives_credits() {
    let mut desk = Desk::new();
    let freeze = || {
        Action::Freeze(StatusChange {
            reason: "chargeback".to_owned(),
            actor: "ops".to_owned(),
        })
    };
    let unfreeze = || {
        Action::Unfreeze(StatusChange {
            reason: "won".to_owned(),
            actor: "ops".to_owned(),
        })
    };
    let consume = || {
        Action::Consume(Consume {
            service: "google:chat".to_owned(),
            amount: None,
            quantity: None,
        })
    };
    assert_eq!(
        code(&settled(desk.send("u", None, freeze()))),
        Some(Refusal::WalletNotFound)
    );
    desk.event("2026-01-10", Active, "pro");
    assert_eq!(code(&settled(desk.send("u", None, freeze()))), None);
    assert_eq!(
        code(&settled(desk.send("u", None, freeze()))),
        None,
        "a second freeze changes nothing"
    );
    assert_eq!(
        code(&settled(desk.send("u", None, consume()))),
        Some(Refusal::WalletFrozen)
    );
    desk.now = at("2026-02-10");
    assert_eq!(desk.job()[0].amount, 200);
    assert_eq!(code(&settled(desk.send("u", None, unfreeze()))), None);
    assert_eq!(settled(desk.send("u", None, consume())).amount, -2);
}

#[test]
fn the_next_grant_is_the_earliest_that_will_come() {
    let mut desk = Desk::new();
    settled(desk.send("u", None, Action::RegistrationBonus));
    let next =
        |desk: &Desk| ledger::next_grant(desk.book.subscriptions("u"), &desk.rules, desk.now);
    let free = next(&desk).expect("the free plan's");
    assert_eq!(
        (free.amount, free.plan.as_str(), free.at),
        (10, "free", at("2026-02-10"))
    );
    let event = subscription(
        "sub",
        "pro",
        Active,
        Some(at("2026-01-05")),
        Some(at("2026-06-01")),
    );
    settled(desk.send("u", None, event));
    let paid = next(&desk).expect("the paid plan's");
    assert_eq!(
        (paid.amount, paid.plan.as_str(), paid.at),
        (200, "pro", at("2026-02-05"))
    );
    assert_eq!(Period::containing(at("2026-01-05"), paid.at).start, paid.at);
}
