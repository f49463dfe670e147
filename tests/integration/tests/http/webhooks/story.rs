//! Objects of Stripe in the life of one subscription over several months, in a version of the API.

use chrono::{DateTime, Months, Utc};
use serde_json::{Value, json};

use super::{
    events::{ACACIA, BASIL, DAHLIA},
    sender::event,
};

/// Another name of dahlia before it.
const CLOVER: &str = "2025-09-30.clover";
pub const VERSIONS: [&str; 4] = [ACACIA, BASIL, CLOVER, DAHLIA];

/// The life of a subscription.
pub struct Story {
    /// Ends of ids, and the user.
    pub name: String,
    pub begin: DateTime<Utc>,
    /// Of the API.
    pub version: &'static str,
    /// The price of the next objects.
    pub price: &'static str,
    /// The seats of the next objects.
    pub seats: i64,
}

/// A period that an invoice pays.
#[derive(Clone, Copy)]
pub struct Span {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Story {
    pub fn new(name: String, begin: DateTime<Utc>, version: &'static str) -> Self {
        Self {
            name,
            begin,
            version,
            price: "price_pro",
            seats: 1,
        }
    }

    /// The start of a month of the subscription.
    pub fn month(&self, nth: u32) -> DateTime<Utc> {
        let start = self.begin.checked_add_months(Months::new(nth));
        start.expect("in range")
    }

    /// A month of the subscription.
    pub fn span(&self, nth: u32) -> Span {
        let (start, end) = (self.month(nth), self.month(nth + 1));
        Span { start, end }
    }

    fn is_new(&self) -> bool {
        self.version >= BASIL
    }

    fn id(&self, kind: &str) -> String {
        format!("{kind}_{}", self.name)
    }

    /// An event. `part` makes its id.
    pub fn event(&self, part: &str, kind: &str, at: DateTime<Utc>, object: Value) -> Value {
        let id = format!("evt_{}_{part}", self.name);
        let mut event = event(&id, kind, self.version, object);
        event["created"] = at.timestamp().into();
        event
    }

    /// The checkout: the only object that names the user.
    pub fn checkout(&self) -> Value {
        let session = json!({
            "id": self.id("cs"), "mode": "subscription", "client_reference_id": self.name,
            "customer": self.id("cus"), "subscription": self.id("sub"), "payment_status": "paid",
        });
        self.event("c", "checkout.session.completed", self.begin, session)
    }

    /// The object of the subscription in a period.
    pub fn subscription(&self, status: &str, span: Span) -> Value {
        let mut item = json!({
            "id": "si_1", "price": {"id": self.price, "product": "prod"}, "quantity": self.seats,
        });
        let mut object = json!({
            "id": self.id("sub"), "status": status, "customer": self.id("cus"), "metadata": {},
            "start_date": self.begin.timestamp(), "created": self.begin.timestamp(),
            "billing_cycle_anchor": self.begin.timestamp(),
        });
        let holder = if self.is_new() {
            &mut item
        } else {
            &mut object
        };
        holder["current_period_start"] = span.start.timestamp().into();
        holder["current_period_end"] = span.end.timestamp().into();
        object["items"] = json!({"data": [item]});
        object
    }

    /// The creation of the subscription.
    pub fn created(&self, object: Value) -> Value {
        self.event("s", "customer.subscription.created", self.begin, object)
    }

    /// A change at an instant. `before`: the start of the period before, if a period began.
    pub fn updated(
        &self,
        part: &str,
        at: DateTime<Utc>,
        object: Value,
        before: Option<DateTime<Utc>>,
    ) -> Value {
        let mut event = self.event(part, "customer.subscription.updated", at, object);
        if let Some(before) = before {
            let start = json!({"current_period_start": before.timestamp()});
            event["data"]["previous_attributes"] = if self.is_new() {
                json!({"items": {"data": [start]}})
            } else {
                start
            };
        }
        event
    }

    /// The end of the subscription.
    pub fn deleted(&self, at: DateTime<Utc>, span: Span) -> Value {
        let mut object = self.subscription("canceled", span);
        object["ended_at"] = at.timestamp().into();
        self.event("d", "customer.subscription.deleted", at, object)
    }

    /// The payment of a period of 20.00, and since basil the pair that names the payment.
    pub fn paid(&self, nth: u32, reason: &str, span: Span, at: DateTime<Utc>) -> Vec<Value> {
        let invoice = self.invoice(nth, reason, span, at);
        let paid = self.event(&format!("i{nth}"), "invoice.paid", at, invoice);
        let pair = json!({
            "id": self.id(&format!("inpay{nth}")), "invoice": self.id(&format!("in{nth}")),
            "payment": {"type": "payment_intent", "payment_intent": self.id(&format!("pi{nth}"))},
        });
        let pair = self.event(&format!("p{nth}"), "invoice_payment.paid", at, pair);
        [Some(paid), Some(pair).filter(|_| self.is_new())]
            .into_iter()
            .flatten()
            .collect()
    }

    /// An invoice that pays a period.
    pub fn invoice(&self, nth: u32, reason: &str, span: Span, at: DateTime<Utc>) -> Value {
        let (sub, price) = (self.id("sub"), self.price);
        let mut line = json!({
            "amount": 2000, "quantity": self.seats,
            "period": {"start": span.start.timestamp(), "end": span.end.timestamp()},
        });
        let mut object = json!({
            "id": self.id(&format!("in{nth}")), "billing_reason": reason, "subtotal": 2000,
            "customer": self.id("cus"), "amount_paid": 2000, "currency": "usd",
            "status_transitions": {"paid_at": at.timestamp()},
        });
        if self.is_new() {
            line["pricing"] = json!({"price_details": {"price": price, "product": "prod"}});
            line["parent"] = json!({"subscription_item_details": {"proration": false}});
            object["parent"] = json!({"subscription_details": {"subscription": sub}});
        } else {
            line["price"] = json!({"id": price});
            line["proration"] = false.into();
            object["subscription"] = sub.into();
            object["payment_intent"] = self.id(&format!("pi{nth}")).into();
            object["charge"] = self.id(&format!("ch{nth}")).into();
        }
        object["lines"] = json!({"data": [line]});
        object
    }

    /// A refund of cents of the payment of a period, as the version reports it.
    pub fn refund(&self, nth: u32, amount: i64, at: DateTime<Utc>) -> Value {
        let (payment, charge) = (self.id(&format!("pi{nth}")), self.id(&format!("ch{nth}")));
        if self.version < "2024-10-28" {
            let object = json!({
                "id": charge, "amount": 2000, "amount_refunded": amount, "payment_intent": payment,
            });
            return self.event(&format!("r{nth}"), "charge.refunded", at, object);
        }
        let object = json!({
            "id": self.id(&format!("re{nth}")), "amount": amount, "status": "succeeded",
            "payment_intent": payment, "charge": charge,
        });
        self.event(&format!("r{nth}"), "refund.created", at, object)
    }

    /// A change of the dispute of a payment.
    pub fn dispute(&self, nth: u32, change: &str, status: &str, at: DateTime<Utc>) -> Value {
        let object = json!({
            "id": self.id(&format!("dp{nth}")), "status": status, "amount": 2000,
            "payment_intent": self.id(&format!("pi{nth}")),
            "charge": self.id(&format!("ch{nth}")),
        });
        let kind = format!("charge.dispute.{change}");
        self.event(&format!("{change}{nth}"), &kind, at, object)
    }
}
