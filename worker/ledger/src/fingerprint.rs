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
use sha2::{Digest, Sha256};

use crate::command::{Action, Command, Item};

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
        Action::Consume {
            service,
            amount,
            quantity,
        } => {
            hasher.text("service", service);
            hasher.number("amount", *amount);
            hasher.number("quantity", *quantity);
        }
        Action::RegistrationBonus => hasher.text("reason", "registration_bonus"),
        Action::Promotion {
            amount,
            validity_days,
        } => {
            hasher.text("reason", "promotion");
            hasher.number("amount", Some(*amount));
            hasher.number("validityDays", *validity_days);
        }
        Action::Purchase {
            item,
            purchase_id,
            purchase_line,
            ..
        } => {
            match item {
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
            hasher.text("purchaseId", purchase_id);
            if let Some(line) = purchase_line {
                hasher.text("purchaseLine", line);
            }
        }
        Action::Expire { cutoff } => {
            hasher.instant("cutoff", Some(*cutoff));
        }
        Action::MonthlyGrant {
            subscription_id,
            period_start,
        } => {
            hasher.text("reason", "monthly_grant");
            hasher.text("subscriptionId", subscription_id);
            hasher.instant("periodStart", Some(*period_start));
        }
        Action::Subscription {
            subscription_id,
            plan,
            status,
            anchor,
            paid_through,
        } => {
            hasher.text("subscriptionId", subscription_id);
            hasher.text("plan", plan);
            hasher.text("status", status.as_str());
            hasher.instant("anchor", *anchor);
            hasher.instant("paidThrough", *paid_through);
        }
        Action::Freeze { .. } | Action::Unfreeze { .. } => {}
    }
    let digest = hasher.0.finalize();
    let mut fingerprint = [0; FINGERPRINT_LEN];
    fingerprint[0] = VERSION;
    fingerprint[1..].copy_from_slice(&digest[..FINGERPRINT_LEN - 1]);
    fingerprint
}
