//! The origins of a command: the exchanges through which it may be sent.

use scrip_types::Origin;

use super::command::{Body, Command, Grant};
use super::rejection::{Rejection, RejectionCode};

impl Command {
    /// The origins through which the command may be sent, the usual one first.
    pub fn origins(&self) -> &'static [Origin] {
        match &self.body {
            Body::Consume(_) => &[Origin::Usage],
            Body::Hold(_) | Body::Capture(_) | Body::Release(_) | Body::Refund(_) => {
                &[Origin::Usage, Origin::Funding]
            }
            Body::Grant(Grant::Monthly { .. }) | Body::Expire(_) => &[Origin::Internal],
            Body::Grant(_)
            | Body::Purchase(_)
            | Body::Subscription(_)
            | Body::Revoke(_)
            | Body::Reinstate(_)
            | Body::Forgive(_)
            | Body::Freeze(_)
            | Body::Unfreeze(_) => &[Origin::Funding],
        }
    }

    /// The origin through which the command is sent: that of [`through`](Self::through), or else
    /// the first of [`origins`](Self::origins).
    pub fn origin(&self) -> Origin {
        let usual = || self.origins().first().copied();
        self.through.or_else(usual).unwrap_or(Origin::Usage)
    }

    /// Sends the command through another origin than the usual one. It must be one of
    /// [`origins`](Self::origins). A reference belongs to the origin that it is sent through.
    #[must_use]
    pub fn through(mut self, origin: Origin) -> Self {
        self.through = Some(origin);
        self
    }

    /// Checks that the command may arrive through this origin.
    pub fn check_origin(&self, came_through: Origin) -> Result<(), Rejection> {
        if self.origins().contains(&came_through) {
            return Ok(());
        }
        let allowed: Vec<&str> = self.origins().iter().map(|one| one.as_str()).collect();
        let message = format!(
            "`type` \"{}\" must be sent to the exchange for {}, got the exchange for {}",
            self.kind().as_str(),
            allowed.join(" or "),
            came_through.as_str()
        );
        Err(Rejection::of_field(
            RejectionCode::ForbiddenExchange,
            "type",
            message,
        ))
    }
}
