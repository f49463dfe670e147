//! The fingerprint of a command: a version byte and 16 bytes of SHA-256.
//!
//! Version 1 hashes one line for each field that decides the change and is present:
//! `name:length:value\n`, with the length of the value in bytes. The order of the fields is the one
//! in the function `fingerprint`. Numbers are decimal, and instants are written as in
//! `2026-01-31T09:30:00.000000Z`.
//!
//! An absent field is left out and no default is filled in, so a change of the configuration
//! changes no fingerprint. `occurredAt`, `description`, `metadata`, `amountPaid` and `currency` are
//! not part of it.

use chrono::{DateTime, SecondsFormat, Utc};
use scrip_types::{Late, Overrun, RevokeExtent, RevokeTarget};
use sha2::{Digest, Sha256};

use crate::{
    action::Action,
    command::{Command, Item},
};

/// Length of a fingerprint in bytes.
pub const FINGERPRINT_LEN: usize = 17;

/// A version byte and 16 bytes of SHA-256.
pub type Fingerprint = [u8; FINGERPRINT_LEN];

const VERSION: u8 = 1;

struct Hasher(Sha256);

impl Hasher {
    fn text(&mut self, name: &str, value: &str) {
        self.0.update(name);
        self.0.update(b":");
        self.0.update(value.len().to_string());
        self.0.update(b":");
        self.0.update(value);
        self.0.update(b"\n");
    }

    fn instant(&mut self, name: &str, value: Option<DateTime<Utc>>) {
        if let Some(value) = value {
            self.text(name, &value.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
    }

    fn word(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn number(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.text(name, &value.to_string());
        }
    }
}

impl Command {
    /// A hash of the requested change. Two commands with equal fingerprints request the same
    /// change.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(self)
    }
}

fn fingerprint(command: &Command) -> Fingerprint {
    let mut hasher = Hasher(Sha256::new());
    hasher.text("type", command.kind());
    hasher.text("userId", &command.user_id);
    match &command.action {
        Action::Consume(consume) => {
            hasher.text("service", &consume.service);
            hasher.number("amount", consume.amount);
            hasher.number("quantity", consume.quantity);
        }
        Action::Refund(refund) => {
            hasher.text("of", &refund.of);
            hasher.number("amount", refund.amount);
        }
        Action::Hold(hold) => {
            hasher.text("service", &hold.service);
            hasher.number("amount", hold.amount);
            hasher.number("quantity", hold.quantity);
            hasher.instant("expiresAt", hold.expires_at);
            hasher.number("expiresInSeconds", hold.expires_in_seconds);
        }
        Action::Capture(capture) => {
            hasher.text("hold", &capture.hold);
            hasher.number("amount", capture.amount);
            hasher.number("quantity", capture.quantity);
            hasher.word(
                "final",
                capture.is_final.map(|is| if is { "true" } else { "false" }),
            );
            hasher.word("overrun", capture.overrun.map(Overrun::as_str));
            hasher.word("late", capture.late.map(Late::as_str));
        }
        Action::Release(release) => hasher.text("hold", &release.hold),
        Action::RegistrationBonus => hasher.text("reason", "registration_bonus"),
        Action::Promotion(promotion) => {
            hasher.text("reason", "promotion");
            hasher.number("amount", Some(promotion.amount));
            hasher.number("validityDays", promotion.validity_days);
        }
        Action::Purchase(purchase) => {
            match &purchase.item {
                Item::Package(id) => hasher.text("packageId", id),
                Item::Price(id) => hasher.text("priceId", id),
                Item::Credits {
                    credits,
                    validity_days,
                } => {
                    hasher.number("credits", Some(*credits));
                    hasher.number("validityDays", *validity_days);
                }
            }
            hasher.number("quantity", purchase.quantity);
            hasher.text("purchaseId", &purchase.purchase_id);
            if let Some(line) = &purchase.purchase_line {
                hasher.text("purchaseLine", line);
            }
        }
        Action::Expire(expire) => hasher.instant("cutoff", Some(expire.cutoff)),
        Action::MonthlyGrant(grant) => {
            hasher.text("reason", "monthly_grant");
            hasher.text("subscriptionId", &grant.subscription_id);
            hasher.instant("periodStart", Some(grant.period_start));
        }
        Action::Subscription(update) => {
            hasher.text("subscriptionId", &update.subscription_id);
            hasher.text("plan", &update.plan);
            hasher.number("quantity", update.quantity);
            hasher.text("status", update.status.as_str());
            hasher.instant("anchor", update.anchor);
            hasher.instant("paidThrough", update.paid_through);
        }
        Action::Revoke(revoke) => {
            match &revoke.target {
                RevokeTarget::Reference(of) => hasher.text("of", of),
                RevokeTarget::Payment {
                    purchase_id,
                    purchase_line,
                } => {
                    hasher.text("purchaseId", purchase_id);
                    hasher.word("purchaseLine", purchase_line.as_deref());
                }
            }
            match revoke.extent {
                RevokeExtent::All => {}
                RevokeExtent::Amount(amount) => hasher.number("amount", Some(amount)),
                RevokeExtent::Share(share) => hasher.number("share", Some(share)),
                RevokeExtent::AmountRefunded(refunded) => {
                    hasher.number("amountRefunded", Some(refunded));
                }
            }
        }
        Action::Reinstate(reinstate) => hasher.text("of", &reinstate.of),
        Action::Forgive(forgive) => hasher.number("amount", forgive.amount),
        Action::Freeze(_) | Action::Unfreeze(_) => {}
    }
    let digest = hasher.0.finalize();
    let mut fingerprint = [0; FINGERPRINT_LEN];
    fingerprint[0] = VERSION;
    fingerprint[1..].copy_from_slice(&digest[..FINGERPRINT_LEN - 1]);
    fingerprint
}
