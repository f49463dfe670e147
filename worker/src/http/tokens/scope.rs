//! The users and services that a token may name. The rules are those of `[senders.limits]`.

use producer_sdk::contract::{Body, Command, Query};

use crate::{http::problem::Problem, senders::SenderLimits};

/// The users and services that a token may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(pub SenderLimits);

impl Scope {
    /// Checks that a command names only users and services of the scope.
    ///
    /// Commands about an earlier command name no service. The service was checked when that command
    /// was sent, so only a scope without any service refuses them.
    pub fn check_command(&self, command: &Command) -> Result<(), Problem> {
        self.check_user(&command.user_id)?;
        match &command.body {
            Body::Consume(consume) => self.check_service(&consume.service),
            Body::Hold(hold) => self.check_service(&hold.service),
            Body::Capture(_) | Body::Release(_) if !self.0.allows_any_service() => {
                Err(no_service("hold"))
            }
            Body::Refund(_) if !self.0.allows_any_service() => Err(no_service("of")),
            _ => Ok(()),
        }
    }

    /// Checks that a query names only users and services of the scope.
    pub fn check_query(&self, query: &Query) -> Result<(), Problem> {
        query
            .user_id()
            .map_or(Ok(()), |user_id| self.check_user(user_id))?;
        match query {
            Query::Quote { service, .. } | Query::Price { service, .. } => {
                self.check_service(service)
            }
            _ => Ok(()),
        }
    }

    /// Checks that a user is in the scope.
    pub fn check_user(&self, user_id: &str) -> Result<(), Problem> {
        if self.0.allows_user(user_id) {
            return Ok(());
        }
        let prefixes = self.0.user_prefixes.as_deref().unwrap_or_default();
        Err(outside(
            "userId",
            user_id,
            "user ids that begin with",
            prefixes,
        ))
    }

    fn check_service(&self, service: &str) -> Result<(), Problem> {
        if self.0.allows_service(service) {
            return Ok(());
        }
        let services = self.0.services.as_deref().unwrap_or_default();
        Err(outside("service", service, "the services", services))
    }
}

fn outside(field: &str, found: &str, kind: &str, allowed: &[String]) -> Problem {
    let allowed: Vec<String> = allowed.iter().map(|one| format!("`{one}`")).collect();
    let message = if allowed.is_empty() {
        format!("`{field}` is `{found}`; the scope of the token allows none")
    } else {
        let allowed = allowed.join(", ");
        format!("`{field}` is `{found}`; the scope of the token allows only {kind} {allowed}")
    };
    Problem::outside_scope(message, field)
}

fn no_service(field: &str) -> Problem {
    let message = format!("the scope of the token allows no service, and so no `{field}`");
    Problem::outside_scope(message, field)
}
