//! The encoding of a command.

use scrip_types::{Item, Late, Overrun, RevokeExtent, RevokeTarget};
use serde::Serialize;
use serde_json::value::RawValue;

use super::command::{Body, Command, Grant};
use super::holds::{Capture, Hold};
use super::revoke::{Revoke, decimal};
use super::{decode, instant};

/// The body: all fields of all commands, in an order that is easy to read.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wire<'a> {
    r#type: &'a str,
    reference_id: &'a str,
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_seconds: Option<i64>,
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    is_final: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrun: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_refunded: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credits: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validity_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase_line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_paid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_through: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period_start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cutoff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
}

impl<'a> From<&'a Command> for Wire<'a> {
    fn from(command: &'a Command) -> Self {
        let mut wire = Self {
            r#type: command.kind().as_str(),
            reference_id: &command.reference_id,
            user_id: &command.user_id,
            occurred_at: command.occurred_at.map(instant::format),
            description: command.description.as_deref(),
            metadata: command.metadata.as_deref(),
            ..Self::default()
        };
        match &command.body {
            Body::Consume(consume) => {
                wire.service = Some(&consume.service);
                wire.amount = consume.amount;
                wire.quantity = consume.quantity;
            }
            Body::Hold(hold) => wire.fill_hold(hold),
            Body::Capture(capture) => wire.fill_capture(capture),
            Body::Release(release) => wire.hold = Some(&release.hold),
            Body::Refund(refund) => {
                wire.of = Some(&refund.of);
                wire.amount = refund.amount;
            }
            Body::Grant(Grant::RegistrationBonus) => wire.reason = Some(decode::REGISTRATION_BONUS),
            Body::Grant(Grant::Promotion {
                amount,
                validity_days,
            }) => {
                wire.reason = Some(decode::PROMOTION);
                wire.amount = Some(*amount);
                wire.validity_days = *validity_days;
            }
            Body::Purchase(purchase) => {
                match &purchase.item {
                    Item::Package(id) => wire.package_id = Some(id),
                    Item::Price(id) => wire.price_id = Some(id),
                    Item::Credits {
                        credits,
                        validity_days,
                    } => {
                        wire.credits = Some(*credits);
                        wire.validity_days = *validity_days;
                    }
                }
                wire.quantity = purchase.quantity;
                wire.purchase_id = Some(&purchase.purchase_id);
                wire.purchase_line = purchase.purchase_line.as_deref();
                wire.amount_paid = purchase.amount_paid.map(|paid| paid.to_string());
                wire.currency = purchase.currency.as_deref();
            }
            Body::Grant(Grant::Monthly {
                subscription_id,
                period_start,
            }) => {
                wire.reason = Some(decode::MONTHLY_GRANT);
                wire.subscription_id = Some(subscription_id);
                wire.period_start = Some(instant::format(*period_start));
            }
            Body::Subscription(subscription) => {
                wire.subscription_id = Some(&subscription.subscription_id);
                wire.plan = Some(&subscription.plan);
                wire.quantity = subscription.quantity;
                wire.status = Some(subscription.status.as_str());
                wire.anchor = subscription.anchor.map(instant::format);
                wire.paid_through = subscription.paid_through.map(instant::format);
            }
            Body::Revoke(revoke) => wire.fill_revoke(revoke),
            Body::Reinstate(reinstate) => wire.of = Some(&reinstate.of),
            Body::Forgive(forgive) => {
                wire.amount = forgive.amount;
                wire.reason = Some(&forgive.reason);
                wire.actor = Some(&forgive.actor);
            }
            Body::Freeze(change) | Body::Unfreeze(change) => {
                wire.reason = Some(&change.reason);
                wire.actor = Some(&change.actor);
            }
            Body::Expire(expire) => wire.cutoff = Some(instant::format(expire.cutoff)),
        }
        wire
    }
}

impl<'a> Wire<'a> {
    fn fill_hold(&mut self, hold: &'a Hold) {
        self.service = Some(&hold.service);
        self.amount = hold.amount;
        self.quantity = hold.quantity;
        self.expires_at = hold.expires_at.map(instant::format);
        self.expires_in_seconds = hold.expires_in_seconds;
    }

    fn fill_revoke(&mut self, revoke: &'a Revoke) {
        match &revoke.target {
            RevokeTarget::Reference(of) => self.of = Some(of),
            RevokeTarget::Payment {
                purchase_id,
                purchase_line,
            } => {
                self.purchase_id = Some(purchase_id);
                self.purchase_line = purchase_line.as_deref();
            }
        }
        match revoke.extent {
            RevokeExtent::All => {}
            RevokeExtent::Amount(amount) => self.amount = Some(amount),
            RevokeExtent::Share(share) => self.share = decimal(share),
            RevokeExtent::AmountRefunded(refunded) => self.amount_refunded = decimal(refunded),
        }
    }

    fn fill_capture(&mut self, capture: &'a Capture) {
        self.hold = Some(&capture.hold);
        self.amount = capture.amount;
        self.quantity = capture.quantity;
        self.is_final = capture.is_final;
        self.overrun = capture.overrun.map(Overrun::as_str);
        self.late = capture.late.map(Late::as_str);
    }
}

impl Command {
    /// Writes the body. Absent fields are left out.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising a struct of strings and integers cannot fail. The worker would reject an
        // empty body as not JSON.
        serde_json::to_vec(&Wire::from(self)).unwrap_or_default()
    }
}
