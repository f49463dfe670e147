//! Plans: refusals of grants, the scope of the free plan, and late events.

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Book, Command, Decision, MonthlyGrant, Origin, Outcome, Plan, Refusal, Rules, Skipped,
    Subscription,
    SubscriptionStatus::{self, Active, Canceled, PastDue},
    SubscriptionUpdate, TransactionType, has_paid_plan,
};
use strum::VariantArray;
use uuid::Uuid;

fn at(day: &str) -> DateTime<Utc> {
    format!("{day}T00:00:00Z").parse().expect("an instant")
}

/// A fixture with one book, the events of user `u`, and the job that grants due periods.
struct Desk {
    book: Book,
    rules: Rules,
    now: DateTime<Utc>,
    ids: u128,
}

impl Desk {
    /// A book on 10 January 2026. The credits of all plans last for a year.
    fn new() -> Self {
        let mut rules = Rules::default();
        for plan in rules.plans.values_mut() {
            plan.validity_days = Some(365);
        }
        Self {
            book: Book::default(),
            rules,
            now: at("2026-01-10"),
            ids: 0,
        }
    }

    fn decide(&mut self, command: &Command) -> Decision {
        let ids = &mut self.ids;
        let decision = self.book.decide(command, &self.rules, self.now, &mut || {
            *ids += 1;
            Uuid::from_u128(*ids)
        });
        decision.expect("a consistent book")
    }

    fn send(&mut self, user: &str, occurred_at: Option<DateTime<Utc>>, action: Action) -> Decision {
        let reference = format!("r{}", self.ids);
        self.decide(&command(
            Origin::Funding,
            &reference,
            user,
            occurred_at,
            action,
        ))
    }

    fn register(&mut self) {
        settled(self.send("u", None, Action::RegistrationBonus));
    }

    fn event(&mut self, day: &str, id: &str, plan: &str, status: SubscriptionStatus) -> Outcome {
        settled(self.send("u", Some(at(day)), event(id, plan, status)))
    }

    fn grant(&mut self, id: &str, start: DateTime<Utc>) -> Outcome {
        let action = Action::MonthlyGrant(MonthlyGrant {
            subscription_id: id.to_owned(),
            period_start: start,
        });
        let reference = format!("grant:{id}:{}", start.format("%Y-%m-%d"));
        settled(self.decide(&command(Origin::Internal, &reference, "u", None, action)))
    }

    /// Grants all due periods, as the job does.
    fn job(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let subscriptions = self.book.subscriptions("u").to_vec();
        for subscription in subscriptions {
            for due in subscription.due_periods(&self.rules, self.now) {
                outcomes.push(self.grant(&subscription.id, due.period.start));
            }
        }
        outcomes
    }

    fn known(&self, id: &str) -> Option<&Subscription> {
        self.book.subscriptions("u").iter().find(|one| one.id == id)
    }

    /// Subscription, start and credits of every period that was granted.
    fn granted(&self) -> Vec<(&str, String, i64)> {
        let completed = self.book.postings().iter().filter(|p| p.refusal.is_none());
        completed
            .filter(|posting| posting.kind == TransactionType::MonthlyGrant)
            .map(|posting| {
                let id = posting.subscription_id.as_deref().expect("a subscription");
                let start = posting.period_start.expect("a period");
                (id, start.format("%Y-%m-%d").to_string(), posting.amount)
            })
            .collect()
    }
}

fn command(
    origin: Origin,
    reference: &str,
    user: &str,
    occurred_at: Option<DateTime<Utc>>,
    action: Action,
) -> Command {
    Command {
        origin,
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

fn event(id: &str, plan: &str, status: SubscriptionStatus) -> Action {
    Action::Subscription(SubscriptionUpdate {
        quantity: None,
        subscription_id: id.to_owned(),
        plan: plan.to_owned(),
        status,
        anchor: None,
        paid_through: None,
    })
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

/// Conformance: Invariants and verification: Groups of any size produce the same result as commands
/// applied one by one
#[test]
fn the_job_replays_a_period_that_an_event_granted_in_the_same_group() {
    let mut desk = Desk::new();
    let event = desk.event("2026-01-10", "sub_1", "pro", Active);
    assert_eq!((event.amount, event.transactions.len()), (200, 2));
    let again = desk.grant("sub_1", at("2026-01-10"));
    assert!(again.replayed);
    assert_eq!(
        (again.refused, again.amount, again.balance),
        (None, 200, Some(200))
    );
}

/// Conformance: Refusals and rejections: If several refusals apply, the first in the order of
/// precedence is returned
#[test]
fn a_period_that_is_due_is_refused_for_its_plan_and_any_other_as_not_due() {
    for enabled in [None, Some(false)] {
        let mut desk = Desk::new();
        desk.event("2026-01-10", "sub_1", "pro", Active);
        let pro = desk.rules.plans.remove("pro").expect("pro");
        let expected = if let Some(enabled) = enabled {
            desk.rules
                .plans
                .insert("pro".to_owned(), Plan { enabled, ..pro });
            Refusal::PlanDisabled
        } else {
            Refusal::UnknownPlan
        };
        desk.now = at("2026-02-10");
        let before = desk.known("sub_1").cloned();
        let posted = desk.book.postings().len();
        assert_eq!(code(&desk.grant("sub_1", at("2026-02-10"))), Some(expected));
        // A period before the start, an instant that starts no period, and the next period.
        for day in ["2025-12-10", "2026-02-11", "2026-03-10"] {
            let refused = code(&desk.grant("sub_1", at(day)));
            assert_eq!(refused, Some(Refusal::NotDue), "{day}");
        }
        assert_eq!(
            code(&desk.grant("sub_2", at("2026-02-10"))),
            Some(Refusal::NotDue)
        );
        assert_eq!(desk.known("sub_1"), before.as_ref());
        assert_eq!(desk.book.postings().len(), posted, "nothing is stored");
    }
}

#[test]
fn a_period_that_is_not_due_is_refused_until_it_is() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", "sub_1", "pro", Active);
    for day in ["2025-12-10", "2026-02-10", "2026-02-11", "2026-03-10"] {
        assert_eq!(
            code(&desk.grant("sub_1", at(day))),
            Some(Refusal::NotDue),
            "{day}"
        );
    }
    desk.now = at("2026-02-10");
    assert_eq!(
        desk.grant("sub_1", at("2026-02-10")).amount,
        200,
        "it was not stored"
    );
}

/// Conformance: Refusals and rejections: If several refusals apply, the first in the order of
/// precedence is returned
#[test]
fn an_event_is_refused_for_its_owner_before_its_plan() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", "sub_1", "pro", Active);
    desk.rules.plans.get_mut("pro").expect("pro").enabled = false;
    let unapplied = |decision| match decision {
        Decision::Unapplied(refused) => refused.code,
        Decision::Settled(outcome) => panic!("{outcome:?}"),
    };
    for plan in ["gold", "pro", "free"] {
        for &status in SubscriptionStatus::VARIANTS {
            let decision = desk.send("v", None, event("sub_1", plan, status));
            assert_eq!(unapplied(decision), Refusal::SubscriptionConflict, "{plan}");
        }
    }
    assert!(
        desk.book.wallet("v").is_none(),
        "a refused command opens no wallet"
    );
}

/// Conformance: Commands: A registration opens no free subscription if the free plan is disabled or
/// `"none"`
#[test]
fn a_registration_opens_no_free_subscription_where_there_is_no_free_plan() {
    let no_name = |rules: &mut Rules| rules.free_plan = None;
    let disabled = |rules: &mut Rules| rules.plans.get_mut("free").expect("free").enabled = false;
    let unknown = |rules: &mut Rules| rules.free_plan = Some("gold".to_owned());
    let settings: [fn(&mut Rules); 3] = [no_name, disabled, unknown];
    for setting in settings {
        let mut desk = Desk::new();
        setting(&mut desk.rules);
        desk.register();
        assert!(desk.book.subscriptions("u").is_empty());
        assert_eq!(desk.book.wallet("u").expect("a wallet").balance, 20);
    }
    let mut desk = Desk::new();
    desk.register();
    assert!(desk.known("free:u").is_some());
}

#[test]
fn the_free_subscription_is_no_paid_plan_after_the_free_plan_is_renamed() {
    let mut desk = Desk::new();
    desk.register();
    for name in [Some("free".to_owned()), Some("pro".to_owned()), None] {
        desk.rules.free_plan = name;
        assert!(!has_paid_plan(
            desk.book.subscriptions("u"),
            &desk.rules,
            desk.now
        ));
    }
}

#[test]
fn a_providers_subscription_to_the_free_plan_covers_the_registrations() {
    let mut desk = Desk::new();
    desk.register();
    desk.now = at("2026-01-20");
    let begun = desk.event("2026-01-20", "sub_x", "free", Active);
    assert_eq!(begun.amount, 10);
    for month in ["2026-02", "2026-03"] {
        desk.now = at(&format!("{month}-10"));
        let skipped: Vec<_> = desk.job().iter().map(|outcome| outcome.skipped).collect();
        assert_eq!(skipped, [Some(Skipped::PaidPlan)]);
        desk.now = at(&format!("{month}-20"));
        let amounts: Vec<_> = desk.job().iter().map(|outcome| outcome.amount).collect();
        assert_eq!(amounts, [10]);
    }
    let brought: Vec<_> = desk
        .granted()
        .into_iter()
        .filter(|(.., amount)| *amount > 0)
        .collect();
    let month = |day: &str| ("sub_x", day.to_owned(), 10);
    assert_eq!(
        brought,
        [
            month("2026-01-20"),
            month("2026-02-20"),
            month("2026-03-20")
        ]
    );

    desk.now = at("2026-03-25");
    desk.event("2026-03-25", "sub_x", "free", Canceled);
    desk.now = at("2026-04-10");
    assert_eq!(
        desk.job()[0].amount,
        10,
        "it falls back to the registration's"
    );
}

/// Conformance: Commands: An activation reported after a `past_due` event is still granted
///
/// The activation arrives after a payment became overdue, and grants the same as if it had arrived
/// in order.
#[test]
fn an_activation_that_arrives_after_past_due_is_still_granted() {
    let mut in_order = Desk::new();
    in_order.event("2026-01-10", "sub_1", "pro", Active);
    in_order.now = at("2026-01-20");
    in_order.event("2026-01-15", "sub_1", "pro", PastDue);

    let mut late = Desk::new();
    late.now = at("2026-01-20");
    assert_eq!(late.event("2026-01-15", "sub_1", "pro", PastDue).amount, 0);
    let begun = late.event("2026-01-10", "sub_1", "pro", Active);
    assert!(begun.stale);
    assert_eq!(begun.amount, 0, "other events may be late, too");
    late.now += TimeDelta::minutes(15);
    late.job();
    assert_eq!(late.known("sub_1").expect("sub_1").state.status, PastDue);

    for desk in [&mut in_order, &mut late] {
        assert_eq!(desk.granted(), [("sub_1", "2026-01-10".to_owned(), 200)]);
        desk.now = at("2026-03-12");
        assert!(desk.job().is_empty(), "the rest waits for the payment");
        let paid = desk.event("2026-03-12", "sub_1", "pro", Active);
        assert_eq!(paid.amount, 400, "February's and March's");
    }
    assert_eq!(late.granted(), in_order.granted());
}

/// Conformance: Commands: An activation reported after a `past_due` event is still granted
#[test]
fn an_activation_that_is_reported_again_after_past_due_grants_nothing_more() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", "sub_1", "pro", Active);
    desk.now = at("2026-02-20");
    desk.event("2026-02-05", "sub_1", "pro", PastDue);
    let before = desk.known("sub_1").expect("sub_1").state.clone();
    let stale = desk.event("2026-01-12", "sub_1", "pro", Active);
    assert_eq!((stale.stale, stale.amount), (true, 0));
    assert_eq!(desk.known("sub_1").expect("sub_1").state, before);
}
