//! Objects of Stripe, as its API returns them in its versions.

use chrono::{DateTime, Months, TimeDelta, Utc};
use serde_json::{Value, json};

/// Before basil, before `refund.*`, and after both.
pub const ACACIA: &str = "2024-06-20";
pub const BASIL: &str = "2025-03-31.basil";
pub const DAHLIA: &str = "2026-03-25.dahlia";

/// The life of a subscription of one user.
pub struct Life {
    pub user: String,
    /// Ends of ids.
    pub name: String,
    pub start: DateTime<Utc>,
}

impl Life {
    pub fn new(name: &str) -> Self {
        Self {
            user: format!("user-{name}"),
            name: name.to_owned(),
            // Whole seconds, as Stripe has them.
            start: DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("in range")
                - TimeDelta::seconds(20),
        }
    }

    pub fn end(&self) -> DateTime<Utc> {
        self.start
            .checked_add_months(Months::new(1))
            .expect("in range")
    }

    /// The checkout: the only object that names the user.
    pub fn checkout(&self) -> Value {
        json!({
            "id": format!("cs_{}", self.name), "object": "checkout.session", "mode": "subscription",
            "client_reference_id": self.user, "customer": format!("cus_{}", self.name),
            "subscription": format!("sub_{}", self.name), "payment_status": "paid",
            "amount_total": 2000, "currency": "usd", "payment_intent": null,
        })
    }

    pub fn subscription(&self, status: &str, is_new: bool) -> Value {
        let mut item = json!({
            "id": "si_1", "price": {"id": "price_pro", "product": "prod_pro"}, "quantity": 1,
        });
        let mut object = json!({
            "id": format!("sub_{}", self.name), "object": "subscription", "status": status,
            "customer": format!("cus_{}", self.name), "metadata": {},
            "start_date": self.start.timestamp(), "created": self.start.timestamp(),
            "billing_cycle_anchor": self.start.timestamp(), "cancel_at_period_end": false,
        });
        let holder = if is_new { &mut item } else { &mut object };
        holder["current_period_start"] = self.start.timestamp().into();
        holder["current_period_end"] = self.end().timestamp().into();
        object["items"] = json!({"object": "list", "data": [item]});
        object
    }

    /// The invoice of a period, in the form before basil or after it.
    pub fn invoice(&self, reason: &str, is_new: bool) -> Value {
        let period = json!({"start": self.start.timestamp(), "end": self.end().timestamp()});
        let (sub, pi) = (format!("sub_{}", self.name), format!("pi_{}", self.name));
        let mut line = json!({
            "id": "il_1", "amount": 2000, "period": period, "quantity": 1, "description": "Pro",
        });
        let mut stub = json!({
            "id": "il_2", "amount": 300, "description": "Remaining time",
            "period": {"start": self.start.timestamp() - 9, "end": self.end().timestamp() + 999},
        });
        let mut object = json!({
            "id": format!("in_{}", self.name), "object": "invoice", "billing_reason": reason,
            "customer": format!("cus_{}", self.name), "amount_paid": 2000, "subtotal": 2000,
            "currency": "usd", "status": "paid",
            "status_transitions": {"paid_at": self.start.timestamp() + 2},
        });
        if is_new {
            line["pricing"] = json!({"type": "price_details",
                "price_details": {"price": "price_pro", "product": "prod_pro"}});
            line["parent"] = json!({"type": "subscription_item_details",
                "subscription_item_details": {"proration": false, "subscription": sub}});
            stub["parent"] = json!({"type": "subscription_item_details",
                "subscription_item_details": {"proration": true, "subscription": sub}});
            object["parent"] = json!({"type": "subscription_details",
                "subscription_details": {"metadata": {}, "subscription": sub}});
        } else {
            line["price"] = json!({"id": "price_pro", "product": "prod_pro"});
            line["proration"] = false.into();
            stub["proration"] = true.into();
            object["subscription"] = sub.into();
            object["subscription_details"] = json!({"metadata": {}});
            object["payment_intent"] = pi.into();
            object["charge"] = format!("ch_{}", self.name).into();
        }
        object["lines"] = json!({"object": "list", "data": [stub, line]});
        object
    }

    /// The pair of invoice and payment, which exists since basil.
    pub fn pair(&self) -> Value {
        json!({
            "id": format!("inpay_{}", self.name), "object": "invoice_payment",
            "invoice": format!("in_{}", self.name), "amount_paid": 2000, "status": "paid",
            "payment": {"type": "payment_intent", "payment_intent": format!("pi_{}", self.name)},
        })
    }

    pub fn refund(&self, id: &str, amount: i64, status: &str) -> Value {
        json!({
            "id": id, "object": "refund", "amount": amount, "status": status, "currency": "usd",
            "charge": format!("ch_{}", self.name), "payment_intent": format!("pi_{}", self.name),
        })
    }

    pub fn dispute(&self, id: &str, status: &str) -> Value {
        json!({
            "id": id, "object": "dispute", "amount": 2000, "status": status,
            "charge": format!("ch_{}", self.name), "payment_intent": format!("pi_{}", self.name),
        })
    }

    /// A checkout of the package `lite` for 10.00 with its own payment.
    pub fn purchase(&self) -> Value {
        json!({
            "id": format!("cs_{}", self.name), "object": "checkout.session", "mode": "payment",
            "client_reference_id": self.user, "customer": null, "payment_status": "paid",
            "payment_intent": format!("pi_{}", self.name), "amount_total": 1000,
            "currency": "usd", "metadata": {"priceId": "price_lite_eur"},
        })
    }
}
