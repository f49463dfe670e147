//! Version 1 of the fingerprint, compared with vectors from other programs, so that it never
//! changes.
//!
//! `vectors/fingerprints.py` computed `vectors/fingerprints.txt`. `vectors/subscriptions.txt` was
//! computed likewise from `docs/reference/fingerprint.md`.

use chrono::{DateTime, Utc};
use ledger::{
    Action, Capture, Command, Consume, Forgive, Hold, Item, Late, MonthlyGrant, Origin, Overrun,
    Promotion, Purchase, Refund, Reinstate, Release, Revoke, RevokeExtent, RevokeTarget,
    StatusChange,
    SubscriptionStatus::{self, Active, Canceled, Expired, PastDue, Paused, Trialing},
    SubscriptionUpdate,
};

fn command(user: &str, action: Action) -> Command {
    Command {
        origin: Origin::Funding,
        reference_id: "any".to_owned(),
        user_id: user.to_owned(),
        occurred_at: None,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

fn hold(amount: Option<i64>, quantity: Option<i64>, expiry: Option<Result<&str, i64>>) -> Action {
    Action::Hold(Hold {
        service: "google:chat".to_owned(),
        amount,
        quantity,
        expires_at: expiry.and_then(Result::ok).map(at),
        expires_in_seconds: expiry.and_then(Result::err),
    })
}

fn capture(
    (amount, quantity): (Option<i64>, Option<i64>),
    is_final: Option<bool>,
    overrun: Option<Overrun>,
    late: Option<Late>,
) -> Action {
    Action::Capture(Capture {
        hold: "größer".to_owned(),
        amount,
        quantity,
        is_final,
        overrun,
        late,
    })
}

fn revoke(target: RevokeTarget, extent: RevokeExtent) -> Action {
    Action::Revoke(Revoke { target, extent })
}

fn of(reference: &str) -> RevokeTarget {
    RevokeTarget::Reference(reference.to_owned())
}

fn payment(line: Option<&str>) -> RevokeTarget {
    RevokeTarget::Payment {
        purchase_id: "pi_1".to_owned(),
        purchase_line: line.map(str::to_owned),
    }
}

fn forgive(amount: Option<i64>, reason: &str) -> Action {
    Action::Forgive(Forgive {
        amount,
        reason: reason.to_owned(),
        actor: "ops".to_owned(),
    })
}

/// Conformance: Idempotency: The fingerprint covers the fields as sent and matches test vectors of
/// an independent program
#[test]
fn fingerprints_match_the_vectors() {
    let consume = |amount, quantity| {
        Action::Consume(Consume {
            service: "google:chat".to_owned(),
            amount,
            quantity,
        })
    };
    let bought = |quantity, item| {
        Action::Purchase(Purchase {
            quantity,
            item,
            purchase_id: "pi_1".to_owned(),
            purchase_line: None,
            paid_micros: Some(9_990_000),
            currency: Some("USD".to_owned()),
        })
    };
    let purchase = |item| bought(None, item);
    let of_line = |line: &str| {
        Action::Purchase(Purchase {
            quantity: None,
            item: Item::Package("lite".to_owned()),
            purchase_id: "pi_1".to_owned(),
            purchase_line: Some(line.to_owned()),
            paid_micros: None,
            currency: None,
        })
    };
    let refund = |of: &str, amount| {
        Action::Refund(Refund {
            of: of.to_owned(),
            amount,
        })
    };
    let seats = Action::Subscription(SubscriptionUpdate {
        subscription_id: "sub_1".to_owned(),
        plan: "pro".to_owned(),
        quantity: Some(5),
        status: Active,
        anchor: None,
        paid_through: None,
    });
    let commands = [
        command("user_123", consume(None, None)),
        command("user_123", consume(Some(5), None)),
        command("user_123", consume(None, Some(5))),
        command("üser 🦀", Action::RegistrationBonus),
        command(
            "user_123",
            Action::Promotion(Promotion {
                amount: 50,
                validity_days: Some(14),
            }),
        ),
        command(
            "user_123",
            Action::Promotion(Promotion {
                amount: 50,
                validity_days: None,
            }),
        ),
        command("user_123", purchase(Item::Package("lite".to_owned()))),
        command("user_123", purchase(Item::Price("price_1".to_owned()))),
        command(
            "user_123",
            purchase(Item::Credits {
                credits: 100,
                validity_days: Some(90),
            }),
        ),
        command("user_123", of_line("1")),
        command("user_123", of_line("größer")),
        command(
            "user_123",
            bought(Some(3), Item::Package("lite".to_owned())),
        ),
        command("user_123", seats),
        command("user_123", refund("req-1", None)),
        command("user_123", refund("größer", Some(3))),
        command("user_123", hold(None, None, None)),
        command(
            "user_123",
            hold(Some(5), None, Some(Ok("2026-01-31T09:00:00Z"))),
        ),
        command("user_123", hold(None, Some(5), Some(Err(60)))),
        command("user_123", capture((None, None), None, None, None)),
        command(
            "user_123",
            capture(
                (Some(5), None),
                Some(true),
                Some(Overrun::Spend),
                Some(Late::Consume),
            ),
        ),
        command(
            "user_123",
            capture(
                (None, Some(5)),
                Some(false),
                Some(Overrun::Cap),
                Some(Late::Reject),
            ),
        ),
        command(
            "user_123",
            capture((None, None), None, Some(Overrun::Reject), None),
        ),
        command(
            "user_123",
            Action::Release(Release {
                hold: "h1".to_owned(),
            }),
        ),
        command("user_123", revoke(of("pi_1"), RevokeExtent::All)),
        command("user_123", revoke(of("größer"), RevokeExtent::Amount(5))),
        command(
            "user_123",
            revoke(payment(None), RevokeExtent::Share(250_000)),
        ),
        command(
            "user_123",
            revoke(payment(Some("2")), RevokeExtent::AmountRefunded(2_500_000)),
        ),
        command(
            "user_123",
            Action::Reinstate(Reinstate {
                of: "dp_1".to_owned(),
            }),
        ),
        command("user_123", forgive(None, "won")),
        command("user_123", forgive(Some(22), "won")),
    ];
    let vectors: Vec<&str> = include_str!("../vectors/fingerprints.txt")
        .lines()
        .collect();
    let found: Vec<String> = commands
        .iter()
        .map(|command| hex(&command.fingerprint()))
        .collect();
    assert_eq!(found, vectors);
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn subscription(
    plan: &str,
    status: SubscriptionStatus,
    anchor: Option<&str>,
    paid_through: Option<&str>,
) -> Action {
    Action::Subscription(SubscriptionUpdate {
        quantity: None,
        subscription_id: "sub_1".to_owned(),
        plan: plan.to_owned(),
        status,
        anchor: anchor.map(at),
        paid_through: paid_through.map(at),
    })
}

fn freeze(reason: &str, actor: &str) -> Action {
    Action::Freeze(StatusChange {
        reason: reason.to_owned(),
        actor: actor.to_owned(),
    })
}

fn unfreeze(reason: &str, actor: &str) -> Action {
    Action::Unfreeze(StatusChange {
        reason: reason.to_owned(),
        actor: actor.to_owned(),
    })
}

#[test]
fn fingerprints_of_subscriptions_grants_and_freezes_match_the_vectors() {
    let monthly = |id: &str, start| {
        Action::MonthlyGrant(MonthlyGrant {
            subscription_id: id.to_owned(),
            period_start: at(start),
        })
    };
    let instant = Some("2026-01-31T09:00:00Z");
    let commands = [
        command("user_123", subscription("pro", Active, None, None)),
        command("user_123", subscription("pro", Active, instant, None)),
        command("user_123", subscription("pro", Active, None, instant)),
        command(
            "user_123",
            subscription(
                "pro",
                PastDue,
                instant,
                Some("2026-02-28T10:00:00.123456+01:00"),
            ),
        ),
        command("user_123", subscription("größer", Trialing, None, None)),
        command("user_123", subscription("größer", Paused, None, None)),
        command("user_123", subscription("größer", Canceled, None, None)),
        command("user_123", subscription("größer", Expired, None, None)),
        command("user_123", monthly("sub_1", "2026-01-31T09:00:00Z")),
        command(
            "üser 🦀",
            monthly("free:üser 🦀", "2026-02-28T23:59:59.999999Z"),
        ),
        command("user_123", freeze("chargeback", "ops")),
        command("user_123", unfreeze("won", "ops")),
    ];
    let vectors: Vec<&str> = include_str!("../vectors/subscriptions.txt")
        .lines()
        .collect();
    let found: Vec<String> = commands
        .iter()
        .map(|command| hex(&command.fingerprint()))
        .collect();
    assert_eq!(found, vectors);
}

#[test]
fn reason_and_actor_are_not_part_of_the_fingerprint() {
    for action in [freeze, unfreeze] {
        let one = command("user_123", action("chargeback", "ops:maria"));
        let other = command("user_123", action("fraud", "ops:jan"));
        assert_eq!(one.fingerprint(), other.fingerprint());
    }
    let one = command("user_123", forgive(None, "lost"));
    let other = command("user_123", forgive(None, "won"));
    assert_eq!(one.fingerprint(), other.fingerprint());
    let (frozen, thawed) = (freeze("r", "a"), unfreeze("r", "a"));
    assert_ne!(
        command("user_123", frozen).fingerprint(),
        command("user_123", thawed).fingerprint()
    );
}

/// Conformance: Idempotency: The fingerprint excludes `occurredAt`, `description`, `metadata`,
/// `amountPaid` and `currency`
#[test]
fn fields_that_do_not_change_the_movement_are_not_part_of_the_fingerprint() {
    let action = Action::Purchase(Purchase {
        quantity: None,
        item: Item::Package("lite".to_owned()),
        purchase_id: "pi_1".to_owned(),
        purchase_line: None,
        paid_micros: None,
        currency: None,
    });
    let bare = command("user_123", action);
    let mut said = bare.clone();
    said.reference_id = "other".to_owned();
    said.occurred_at = DateTime::from_timestamp(1_790_000_000, 0);
    said.description = Some("words".to_owned());
    said.metadata = Some("{}".to_owned());
    if let Action::Purchase(purchase) = &mut said.action {
        purchase.paid_micros = Some(1);
        purchase.currency = Some("EUR".to_owned());
    }
    assert_eq!(bare.fingerprint(), said.fingerprint());
}
