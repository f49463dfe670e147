//! Constructors and setters of the commands `revoke`, `reinstate` and `forgive`.

use scrip_types::{RevokeExtent, RevokeTarget};

use super::command::{Body, Command};
use super::rejection::Rejection;
use super::revoke::{self, Forgive, Reinstate, Revoke};

impl Command {
    /// Takes back the credits of the deposit with the reference `of`, and of the bonus that came
    /// with a purchase: all that are left, unless [`amount`](Self::amount), [`share`](Self::share)
    /// or [`amount_refunded`](Self::amount_refunded) is set.
    pub fn revoke(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        of: impl Into<String>,
    ) -> Self {
        let target = RevokeTarget::Reference(of.into());
        Self::revocation(reference_id, user_id, target)
    }

    /// Takes back the credits of the payment `purchase_id`. A payment with several lines also needs
    /// [`purchase_line`](Self::purchase_line).
    pub fn revoke_purchase(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        purchase_id: impl Into<String>,
    ) -> Self {
        let target = RevokeTarget::Payment {
            purchase_id: purchase_id.into(),
            purchase_line: None,
        };
        Self::revocation(reference_id, user_id, target)
    }

    fn revocation(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        target: RevokeTarget,
    ) -> Self {
        let extent = RevokeExtent::All;
        Self::new(
            reference_id,
            user_id,
            Body::Revoke(Revoke { target, extent }),
        )
    }

    /// Undoes the revocation with the reference `of`.
    pub fn reinstate(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        of: impl Into<String>,
    ) -> Self {
        let reinstate = Reinstate { of: of.into() };
        Self::new(reference_id, user_id, Body::Reinstate(reinstate))
    }

    /// Writes off debt: all of it, unless [`amount`](Self::amount) is set.
    pub fn forgive(
        reference_id: impl Into<String>,
        user_id: impl Into<String>,
        reason: impl Into<String>,
        actor: impl Into<String>,
    ) -> Self {
        let forgive = Forgive {
            amount: None,
            reason: reason.into(),
            actor: actor.into(),
        };
        Self::new(reference_id, user_id, Body::Forgive(forgive))
    }

    /// The share of the deposit to take back (`revoke`), as a decimal text: `share("0.25")`.
    pub fn share(self, share: &str) -> Result<Self, Rejection> {
        let share = revoke::share(share)?;
        Ok(self.extent(RevokeExtent::Share(share), "share"))
    }

    /// The money that was refunded of the payment so far (`revoke`), as a decimal text:
    /// `amount_refunded("2.50")`.
    pub fn amount_refunded(self, amount: &str) -> Result<Self, Rejection> {
        let refunded = revoke::amount_refunded(amount)?;
        Ok(self.extent(RevokeExtent::AmountRefunded(refunded), "amountRefunded"))
    }

    /// Says how much a `revoke` takes back. Only one field may say that.
    pub(super) fn extent(mut self, extent: RevokeExtent, field: &'static str) -> Self {
        match &mut self.body {
            Body::Revoke(revoke) if revoke.extent_field().is_none_or(|set| set == field) => {
                revoke.extent = extent;
            }
            _ => self.misplaced = Some(field),
        }
        self
    }
}
