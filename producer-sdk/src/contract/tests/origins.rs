//! Commands that were built, not read: their origin, and checks that reading does not make.

use strum::VariantArray;

use super::at;
use crate::contract::RejectionCode::{ForbiddenExchange, InvalidField, UnknownField};
use crate::contract::*;

/// Conformance: Commands: A monthly `grant` command is accepted only from the origin `internal`
#[test]
fn each_command_has_its_origins() {
    let day = at("2026-11-22T00:00:00Z");
    let active = SubscriptionStatus::Active;
    let both = [Origin::Usage, Origin::Funding];
    let commands = [
        (Command::consume("r", "u", "s"), &[Origin::Usage][..]),
        (Command::hold("r", "u", "s"), &both),
        (Command::capture("r", "u", "h"), &both),
        (Command::release("r", "u", "h"), &both),
        (Command::refund("r", "u", "of"), &both),
        (Command::registration_bonus("r", "u"), &[Origin::Funding]),
        (Command::promotion("r", "u", 1), &[Origin::Funding]),
        (
            Command::purchase_credits("r", "u", 1, "p"),
            &[Origin::Funding],
        ),
        (
            Command::subscription("r", "u", "sub_1", "pro", active),
            &[Origin::Funding],
        ),
        (Command::revoke("r", "u", "of"), &[Origin::Funding]),
        (Command::revoke_purchase("r", "u", "p"), &[Origin::Funding]),
        (Command::reinstate("r", "u", "of"), &[Origin::Funding]),
        (Command::forgive("r", "u", "why", "who"), &[Origin::Funding]),
        (Command::freeze("r", "u", "why", "who"), &[Origin::Funding]),
        (
            Command::unfreeze("r", "u", "why", "who"),
            &[Origin::Funding],
        ),
        (
            Command::monthly_grant("u", "sub_1", day),
            &[Origin::Internal],
        ),
        (Command::expire("r", "u", day), &[Origin::Internal]),
    ];
    for &kind in Kind::VARIANTS {
        assert!(
            commands.iter().any(|(command, _)| command.kind() == kind),
            "{kind:?}"
        );
    }
    for (command, own) in commands {
        let read = Command::from_json(&command.to_json()).expect("a command");
        assert_eq!(own.first(), Some(&read.origin()), "{read:?}");
        for &origin in Origin::VARIANTS {
            for command in [&command, &read] {
                assert_eq!(
                    command.check_origin(origin).is_ok(),
                    own.contains(&origin),
                    "{command:?} by {origin:?}"
                );
            }
            let directed = command.clone().through(origin);
            assert_eq!(
                directed.check().is_ok(),
                own.contains(&origin),
                "{directed:?}"
            );
            assert_eq!(directed.origin(), origin);
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
