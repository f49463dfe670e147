//! Every refusal that can occur.

mod precedence;

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Book, Command, Consume, Decision, DefaultPrice, Expire, Forgive, Item, MAX_AMOUNT,
    MonthlyGrant, Origin, Outcome, Plan, Price, Promotion, Purchase, Refund, Refusal, Reinstate,
    Revoke, RevokeExtent, RevokeTarget, Rules, SubscriptionStatus, SubscriptionUpdate,
    WalletStatus,
};
use strum::VariantArray;
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("an instant")
}

fn command(reference: &str, user: &str, action: Action) -> Command {
    Command {
        origin: Origin::Usage,
        reference_id: reference.to_owned(),
        user_id: user.to_owned(),
        occurred_at: None,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action,
    }
}

fn consume(service: &str, amount: Option<i64>, quantity: Option<i64>) -> Action {
    Action::Consume(Consume {
        service: service.to_owned(),
        amount,
        quantity,
    })
}

fn promotion(amount: i64) -> Action {
    Action::Promotion(Promotion {
        amount,
        validity_days: None,
    })
}

fn purchase(item: Item) -> Action {
    purchase_of("pi", item)
}

fn purchase_of(payment: &str, item: Item) -> Action {
    Action::Purchase(Purchase {
        quantity: None,
        item,
        purchase_id: payment.to_owned(),
        purchase_line: None,
        paid_micros: None,
        currency: None,
    })
}

fn refund(of: &str, amount: Option<i64>) -> Action {
    Action::Refund(Refund {
        of: of.to_owned(),
        amount,
    })
}

fn revoke(of: &str, extent: RevokeExtent) -> Action {
    Action::Revoke(Revoke {
        target: RevokeTarget::Reference(of.to_owned()),
        extent,
    })
}

fn reinstate(of: &str) -> Action {
    Action::Reinstate(Reinstate { of: of.to_owned() })
}

fn forgive(amount: Option<i64>) -> Action {
    Action::Forgive(Forgive {
        amount,
        reason: "lost".to_owned(),
        actor: "ops".to_owned(),
    })
}

fn subscription(id: &str, plan: &str, status: SubscriptionStatus) -> Action {
    Action::Subscription(SubscriptionUpdate {
        quantity: None,
        subscription_id: id.to_owned(),
        plan: plan.to_owned(),
        status,
        anchor: None,
        paid_through: None,
    })
}

fn active(id: &str, plan: &str) -> Action {
    subscription(id, plan, SubscriptionStatus::Active)
}

fn monthly(id: &str) -> Action {
    Action::MonthlyGrant(MonthlyGrant {
        subscription_id: id.to_owned(),
        period_start: now(),
    })
}

/// The cap is 100 credits, the plan `off` is disabled, and the plan `gold` does not exist.
fn rules() -> Rules {
    let mut rules = Rules {
        default_price: DefaultPrice::Reject,
        max_user_balance: 100,
        ..Rules::default()
    };
    rules
        .prices
        .insert("dear".to_owned(), Price::each(MAX_AMOUNT));
    let off = Plan {
        enabled: false,
        credits: 5,
        validity_days: None,
    };
    rules.plans.insert("off".to_owned(), off);
    rules
}

/// A book with seven users. `ada` has 100 credits (the cap), is registered, and has a subscription
/// to `gold` and one to `off`, each with a period that starts now and waits for its plan. `ice` is
/// frozen with a debt of 5 credits. `pat` spent 5 credits by `c1`. Payment `pi` was credited to
/// `zoe`. `deb` owes 5 credits by `v1`, and `v2` was reinstated.
fn book() -> Book {
    let mut book = Book::default();
    let rules = rules();
    for (reference, user, action) in [
        ("r1", "ada", Action::RegistrationBonus),
        ("r2", "ada", promotion(80)),
        ("r3", "ice", Action::RegistrationBonus),
        ("r6", "zoe", purchase(Item::Package("lite".to_owned()))),
        ("r7", "pat", Action::RegistrationBonus),
        ("c1", "pat", consume("google:chat", Some(5), None)),
        ("r8", "deb", promotion(100)),
        ("c2", "deb", consume("google:chat", Some(95), None)),
        ("v1", "deb", revoke("r8", RevokeExtent::Amount(10))),
        ("v2", "deb", revoke("r8", RevokeExtent::Amount(5))),
        ("w2", "deb", reinstate("v2")),
        ("c3", "ice", consume("google:chat", Some(5), None)),
        ("v3", "ice", revoke("r3", RevokeExtent::All)),
    ] {
        let decision = book.decide(&command(reference, user, action), &rules, now(), &mut ids());
        assert!(matches!(decision, Ok(Decision::Settled(outcome)) if outcome.refused.is_none()));
    }
    for (reference, id, plan) in [("r4", "sub_gold", "gold"), ("r5", "sub_off", "off")] {
        let mut rules = rules.clone();
        let enabled = Plan {
            enabled: true,
            credits: 5,
            validity_days: None,
        };
        rules.plans.insert(plan.to_owned(), enabled);
        let mut action = active(id, plan);
        if let Action::Subscription(update) = &mut action {
            update.anchor = Some(now());
        }
        let earlier = now() - TimeDelta::hours(1);
        let decision = book.decide(
            &command(reference, "ada", action),
            &rules,
            earlier,
            &mut ids(),
        );
        assert!(matches!(decision, Ok(Decision::Settled(outcome)) if outcome.amount == 0));
    }
    book.wallet_mut("ice").expect("a wallet").status = WalletStatus::Frozen;
    book
}

/// Ids that are unique in this process.
fn ids() -> impl FnMut() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    || Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into())
}

fn refusal(rules: &Rules, reference: &str, user: &str, action: Action) -> Option<Refusal> {
    match book()
        .decide(&command(reference, user, action), rules, now(), &mut ids())
        .expect("a consistent book")
    {
        Decision::Settled(outcome) => outcome.refused.map(|refused| refused.code),
        Decision::Unapplied(refused) => Some(refused.code),
    }
}

fn settled(book: &mut Book, rules: &Rules, command: &Command) -> Outcome {
    let decision = book.decide(command, rules, now(), &mut ids());
    match decision.expect("a consistent book") {
        Decision::Settled(outcome) => outcome,
        Decision::Unapplied(refused) => panic!("unapplied: {refused}"),
    }
}

/// Conformance: Idempotency: A refusal decided by the configuration is answered but not stored
#[test]
fn a_service_without_a_price_is_refused_until_it_has_one() {
    let (mut book, mut rules) = (book(), rules());
    let posted = book.postings().len();
    let spend = command("n1", "ada", consume("unpriced", None, None));
    for _ in 0..2 {
        let outcome = settled(&mut book, &rules, &spend);
        assert_eq!(
            outcome.refused.map(|refused| refused.code),
            Some(Refusal::UnknownService)
        );
        assert!(!outcome.replayed);
        assert_eq!(book.postings().len(), posted, "nothing is stored");
    }
    rules.prices.insert("unpriced".to_owned(), Price::each(3));
    let outcome = settled(&mut book, &rules, &spend);
    assert_eq!((outcome.amount, outcome.replayed), (-3, false));
}

/// Conformance: Commands: A charge at the default price is marked in the outcome, in replayed
/// outcomes and in the history
#[test]
fn a_charge_at_the_default_price_is_marked() {
    let (mut book, mut rules) = (book(), rules());
    rules.default_price = DefaultPrice::Price(Price::each(1));
    for (reference, action, marked) in [
        ("n1", consume("googel:chat", None, Some(50)), true),
        ("n1", consume("googel:chat", None, Some(50)), true),
        ("n2", consume("google:chat", None, None), false),
        ("n3", consume("googel:chat", Some(5), None), false),
        ("n4", consume("googel:chat", None, Some(500)), true),
    ] {
        let outcome = settled(&mut book, &rules, &command(reference, "ada", action));
        assert_eq!(outcome.default_price, marked, "{reference}");
    }
    let outcome = settled(
        &mut book,
        &rules,
        &command("n5", "eve", consume("x", None, None)),
    );
    assert!(!outcome.default_price, "without a wallet no price matters");
}

/// Conformance: Amounts, time and spending order: An `occurredAt` in the future counts as the
/// current time
#[test]
fn a_command_dated_in_the_future_happens_now() {
    let (mut book, rules) = (book(), rules());
    let day = |amount| {
        Action::Promotion(Promotion {
            amount,
            validity_days: Some(1),
        })
    };
    settled(&mut book, &rules, &command("n1", "bob", day(50)));
    let ahead = |reference, action| Command {
        occurred_at: Some(now() + TimeDelta::days(2)),
        ..command(reference, "bob", action)
    };
    let spend = ahead("n2", consume("google:chat", Some(50), None));
    let outcome = settled(&mut book, &rules, &spend);
    assert_eq!(
        outcome.amount, -50,
        "credits that expire later can still be spent"
    );
    let posting = book.postings().last().expect("a posting");
    assert_eq!(posting.occurred_at, now());
    assert_eq!(posting.audit.claimed_at, spend.occurred_at);

    settled(&mut book, &rules, &ahead("n3", day(10)));
    let mut batches = book.wallet("bob").expect("a wallet").batches().iter();
    let batch = batches.find(|batch| batch.remaining > 0).expect("a batch");
    assert_eq!(batch.issued_at, now());
    assert_eq!(batch.expires_at, Some(now() + TimeDelta::days(1)));
}

/// Conformance: Commands: A wallet frozen by `freeze` refuses `consume` and accepts all other
/// commands, until `unfreeze`
#[test]
fn a_frozen_wallet_still_receives_and_expires() {
    let on = rules();
    assert_eq!(refusal(&on, "n1", "ice", promotion(5)), None);
    assert_eq!(
        refusal(
            &on,
            "n2",
            "ice",
            purchase_of("pi_2", Item::Package("lite".to_owned()))
        ),
        None
    );
    assert_eq!(
        refusal(&on, "n3", "ice", Action::Expire(Expire { cutoff: now() })),
        None
    );
}

/// Conformance: Refusals and rejections: Refusal codes form one closed list
#[test]
fn every_code_can_be_parsed_and_has_a_message() {
    for &code in Refusal::VARIANTS {
        assert_eq!(code.as_str().parse(), Ok(code));
        assert!(!ledger::Refused::from(code).to_string().is_empty());
    }
    assert!(Refusal::VARIANTS.is_sorted());
    assert!("no_such_code".parse::<Refusal>().is_err());
}

#[test]
fn an_inconsistent_wallet_is_named_and_not_spent_from() {
    let mut book = book();
    let wallet = book.wallet_mut("ada").expect("a wallet");
    wallet.balance += 50;
    let id = wallet.id.to_string();
    let spend = command("n1", "ada", consume("google:chat", Some(120), None));
    let error = book
        .decide(&spend, &rules(), now(), &mut ids())
        .expect_err("an inconsistency");
    assert_eq!((error.table, error.id), ("credits_balance", id));
}
