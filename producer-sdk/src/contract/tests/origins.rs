//! Commands that were built, not read: their origin, and checks that reading does not make.

use strum::VariantArray;

use super::at;
use crate::contract::RejectionCode::{ForbiddenExchange, InvalidField, UnknownField};
use crate::contract::*;

/// Conformance: Commands: A monthly `grant` command is accepted only from the origin `internal`
#[test]
fn each_command_has_one_origin() {
    let day = at("2026-11-22T00:00:00Z");
    let active = SubscriptionStatus::Active;
    let commands = [
        (Command::consume("r", "u", "s"), Origin::Usage),
        (Command::registration_bonus("r", "u"), Origin::Funding),
        (Command::promotion("r", "u", 1), Origin::Funding),
        (Command::purchase_credits("r", "u", 1, "p"), Origin::Funding),
        (
            Command::subscription("r", "u", "sub_1", "pro", active),
            Origin::Funding,
        ),
        (Command::freeze("r", "u", "why", "who"), Origin::Funding),
        (Command::unfreeze("r", "u", "why", "who"), Origin::Funding),
        (Command::monthly_grant("u", "sub_1", day), Origin::Internal),
        (Command::expire("r", "u", day), Origin::Internal),
    ];
    for &kind in Kind::VARIANTS {
        assert!(
            commands.iter().any(|(command, _)| command.kind() == kind),
            "{kind:?}"
        );
    }
    for (command, own) in commands {
        let read = Command::from_json(&command.to_json()).expect("a command");
        for &origin in Origin::VARIANTS {
            for command in [&command, &read] {
                assert_eq!(
                    command.check_origin(origin).is_ok(),
                    origin == own,
                    "{command:?} by {origin:?}"
                );
            }
        }
    }
    let rejection = Command::promotion("r", "u", 1)
        .check_origin(Origin::Usage)
        .expect_err("wrong origin");
    assert_eq!(rejection.code, ForbiddenExchange);
}

#[test]
fn a_setter_without_a_field_is_reported_not_dropped() {
    let rejection = Command::registration_bonus("r", "u")
        .quantity(5)
        .check()
        .expect_err("misplaced");
    assert_eq!(
        (rejection.code, rejection.field.as_deref()),
        (UnknownField, Some("quantity"))
    );
}

#[test]
fn producers_cannot_change_the_workers_own_subscriptions() {
    let status = SubscriptionStatus::Canceled;
    let rejection = Command::subscription("r", "u", "free:u", "free", status)
        .check()
        .expect_err("the worker's own");
    assert_eq!(
        (rejection.code, rejection.field.as_deref()),
        (InvalidField, Some("subscriptionId"))
    );
}
