//! Constructors and setters of [`Command`].
//!
//! A setter that does not fit the command is not ignored. [`Command::check`] reports it, and every
//! function that sends a command calls that check.

use chrono::{DateTime, Utc};
use scrip_types::{Item, RevokeExtent, RevokeTarget, SubscriptionStatus};
use serde_json::Value;

use super::command::{
    AccountChange, Body, Command, Consume, Expire, Grant, Purchase, Subscription,
};
use super::instant;
use super::refund::Refund;
use super::rejection::Rejection;
use super::revoke::Revoke;

impl Command {
    /// A command with this body and no optional fields.
    pub fn new(reference_id: impl Into<String>, user_id: impl Into<String>, body: Body) -> Self {
        Self {
            reference_id: reference_id.into(),
            user_id: user_id.into(),
            occurred_at: None,
            description: None,
            metadata: None,
            traceparent: None,
            body,
            through: None,
            misplaced: None,
        }
    }

    /// Spends credits on a service: the price of one unit, unless [`amount`](Self::amount) or
    /// [`quantity`](Self::quantity) is set.
    pub fn consume(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        service: impl Into<String>,
    ) -> Self {
        let consume = Consume {
            service: service.into(),
            amount: None,
            quantity: None,
        };
        Self::new(reference_id, user_id, Body::Consume(consume))
    }

    /// Returns credits of the consumption or capture with the reference `of`: all that are left,
    /// unless [`amount`](Self::amount) is set. Support staff send it [`through`](Self::through)
    /// [`Origin::Funding`](super::Origin::Funding).
    pub fn refund(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        of: impl Into<String>,
    ) -> Self {
        let refund = Refund {
            of: of.into(),
            amount: None,
        };
        Self::new(reference_id, user_id, Body::Refund(refund))
    }

    /// Grants the registration bonus.
    pub fn registration_bonus(reference_id: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self::new(reference_id, user_id, Body::Grant(Grant::RegistrationBonus))
    }

    /// Adds free credits.
    pub fn promotion(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        amount: i64,
    ) -> Self {
        Self::new(
            reference_id,
            user_id,
            Body::Grant(Grant::Promotion {
                amount,
                validity_days: None,
            }),
        )
    }

    /// Reports a change of a subscription. Also set the time at which it happened:
    /// [`Self::occurred_at`].
    pub fn subscription(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        subscription_id: impl Into<String>,
        plan: impl Into<String>,
        status: SubscriptionStatus,
    ) -> Self {
        let subscription = Subscription {
            subscription_id: subscription_id.into(),
            plan: plan.into(),
            quantity: None,
            status,
            anchor: None,
            paid_through: None,
        };
        Self::new(reference_id, user_id, Body::Subscription(subscription))
    }

    /// Stops a wallet from spending.
    pub fn freeze(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        reason: impl Into<String>,
        actor: impl Into<String>,
    ) -> Self {
        let (reason, actor) = (reason.into(), actor.into());
        Self::new(
            reference_id,
            user_id,
            Body::Freeze(AccountChange { reason, actor }),
        )
    }

    /// Allows a wallet to spend again.
    pub fn unfreeze(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        reason: impl Into<String>,
        actor: impl Into<String>,
    ) -> Self {
        let (reason, actor) = (reason.into(), actor.into());
        Self::new(
            reference_id,
            user_id,
            Body::Unfreeze(AccountChange { reason, actor }),
        )
    }

    /// Grants a plan's credits for one period. Only the worker sends it. The reference follows from
    /// subscription and period.
    pub fn monthly_grant(
        user_id: impl Into<String>,
        subscription_id: impl Into<String>,
        period_start: DateTime<Utc>,
    ) -> Self {
        let subscription_id = subscription_id.into();
        let reference_id = format!(
            "grant:{subscription_id}:{}",
            period_start.format("%Y-%m-%d")
        );
        let grant = Grant::Monthly {
            subscription_id,
            period_start,
        };
        Self::new(reference_id, user_id, Body::Grant(grant))
    }

    /// Adds the credits of a package that was paid for, by its id in the worker's configuration.
    pub fn purchase_package(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        package_id: impl Into<String>,
        purchase_id: impl Into<String>,
    ) -> Self {
        Self::purchase(
            reference_id,
            user_id,
            Item::Package(package_id.into()),
            purchase_id,
        )
    }

    /// Adds the credits of a package that was paid for, by the payment provider's price id.
    pub fn purchase_price(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        price_id: impl Into<String>,
        purchase_id: impl Into<String>,
    ) -> Self {
        Self::purchase(
            reference_id,
            user_id,
            Item::Price(price_id.into()),
            purchase_id,
        )
    }

    /// Adds credits that were paid for, without a package.
    pub fn purchase_credits(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        credits: i64,
        purchase_id: impl Into<String>,
    ) -> Self {
        Self::purchase(
            reference_id,
            user_id,
            Item::Credits {
                credits,
                validity_days: None,
            },
            purchase_id,
        )
    }

    fn purchase(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        item: Item,
        purchase_id: impl Into<String>,
    ) -> Self {
        let purchase = Purchase {
            item,
            quantity: None,
            purchase_id: purchase_id.into(),
            purchase_line: None,
            amount_paid: None,
            currency: None,
        };
        Self::new(reference_id, user_id, Body::Purchase(purchase))
    }

    /// Removes credits that expired up to the cutoff. It uses the internal origin, so only the
    /// worker can send it.
    pub fn expire(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        cutoff: DateTime<Utc>,
    ) -> Self {
        Self::new(
            reference_id,
            user_id,
            Body::Expire(Expire {
                cutoff: instant::truncate(cutoff),
            }),
        )
    }

    /// The credits to spend (`consume`, `capture`), to reserve (`hold`), to return (`refund`), to
    /// add (a promotion), to take back (`revoke`) or to write off (`forgive`).
    #[must_use]
    pub fn amount(mut self, credits: i64) -> Self {
        match &mut self.body {
            Body::Revoke(_) => return self.extent(RevokeExtent::Amount(credits), "amount"),
            Body::Forgive(forgive) => forgive.amount = Some(credits),
            Body::Consume(consume) => consume.amount = Some(credits),
            Body::Hold(hold) => hold.amount = Some(credits),
            Body::Capture(capture) => capture.amount = Some(credits),
            Body::Refund(refund) => refund.amount = Some(credits),
            Body::Grant(Grant::Promotion { amount, .. }) => *amount = credits,
            _ => self.misplaced = Some("amount"),
        }
        self
    }

    /// The units of the service (`consume`, `hold`, `capture`), which the worker prices; how many
    /// of a package (`purchase`) or of a plan's credits (`subscription`).
    #[must_use]
    pub fn quantity(mut self, units: i64) -> Self {
        match &mut self.body {
            Body::Consume(consume) => consume.quantity = Some(units),
            Body::Hold(hold) => hold.quantity = Some(units),
            Body::Capture(capture) => capture.quantity = Some(units),
            Body::Purchase(purchase) => purchase.quantity = Some(units),
            Body::Subscription(subscription) => subscription.quantity = Some(units),
            _ => self.misplaced = Some("quantity"),
        }
        self
    }

    /// The instant from which the months of a `subscription` are counted.
    #[must_use]
    pub fn anchor(mut self, at: DateTime<Utc>) -> Self {
        match &mut self.body {
            Body::Subscription(subscription) => subscription.anchor = Some(instant::truncate(at)),
            _ => self.misplaced = Some("anchor"),
        }
        self
    }

    /// The instant up to which a `subscription` is paid.
    #[must_use]
    pub fn paid_through(mut self, at: DateTime<Utc>) -> Self {
        match &mut self.body {
            Body::Subscription(subscription) => {
                subscription.paid_through = Some(instant::truncate(at));
            }
            _ => self.misplaced = Some("paidThrough"),
        }
        self
    }

    /// The days until the credits expire, for a promotion or a purchase without a package.
    #[must_use]
    pub fn validity_days(mut self, days: i64) -> Self {
        match &mut self.body {
            Body::Grant(Grant::Promotion { validity_days, .. })
            | Body::Purchase(Purchase {
                item: Item::Credits { validity_days, .. },
                ..
            }) => {
                *validity_days = Some(days);
            }
            _ => self.misplaced = Some("validityDays"),
        }
        self
    }

    /// The line of the payment (`purchase`, `revoke`), if it has several. Each line is credited
    /// once.
    #[must_use]
    pub fn purchase_line(mut self, line: impl Into<String>) -> Self {
        match &mut self.body {
            Body::Purchase(Purchase { purchase_line, .. })
            | Body::Revoke(Revoke {
                target: RevokeTarget::Payment { purchase_line, .. },
                ..
            }) => *purchase_line = Some(line.into()),
            _ => self.misplaced = Some("purchaseLine"),
        }
        self
    }

    /// The price that was paid (`purchase`), as a decimal text and a currency:
    /// `paid("9.99", "USD")`.
    pub fn paid(mut self, amount: &str, currency: &str) -> Result<Self, Rejection> {
        match &mut self.body {
            Body::Purchase(purchase) => {
                purchase.amount_paid = Some(amount.parse()?);
                purchase.currency = Some(currency.to_owned());
            }
            _ => self.misplaced = Some("amountPaid"),
        }
        Ok(self)
    }

    /// A text for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// A JSON object for programs. It is stored with the transaction.
    #[must_use]
    pub fn metadata(mut self, value: &Value) -> Self {
        self.metadata = serde_json::value::to_raw_value(value).ok();
        self
    }

    /// The time at which the change happened, truncated to microseconds.
    #[must_use]
    pub fn occurred_at(mut self, at: DateTime<Utc>) -> Self {
        self.occurred_at = Some(instant::truncate(at));
        self
    }

    /// The W3C trace context of the caller, such as
    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
    #[must_use]
    pub fn traceparent(mut self, context: impl Into<String>) -> Self {
        self.traceparent = Some(context.into());
        self
    }
}
