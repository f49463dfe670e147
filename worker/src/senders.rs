//! The limits of senders: section `[senders]` of the configuration.
//!
//! A sender is a broker account, named by the AMQP property `user_id`. The broker compares the
//! property with the account of the connection, so an account cannot name another account.

use std::collections::BTreeMap;

use ledger::{Action, Command};
use producer_sdk::contract::{Query, Rejection, RejectionCode};

/// The limits of all senders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderPolicy {
    /// Whether messages of apps and bridges must name their sender.
    pub required: bool,
    /// Limits by sender name. A sender without an entry may send everything.
    pub limits: BTreeMap<String, SenderLimits>,
    /// Bytes of query answers that each sender gets per second, on average.
    pub answer_bytes_per_second: u32,
}

impl Default for SenderPolicy {
    fn default() -> Self {
        Self {
            required: false,
            limits: BTreeMap::new(),
            answer_bytes_per_second: 1 << 20,
        }
    }
}

/// The limits of one sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderLimits {
    /// Prefixes of the user ids that its messages may name; `None`: any user.
    pub user_prefixes: Option<Vec<String>>,
    /// Services that its commands may consume or reserve; `None`: any service. An entry that ends
    /// with `*` matches every service with that prefix.
    pub services: Option<Vec<String>>,
}

impl SenderLimits {
    /// Whether messages may name this user. An empty prefix matches no user.
    pub fn allows_user(&self, user_id: &str) -> bool {
        let prefixes = self.user_prefixes.as_ref();
        prefixes.is_none_or(|prefixes| {
            prefixes
                .iter()
                .any(|prefix| !prefix.is_empty() && user_id.starts_with(prefix.as_str()))
        })
    }

    /// Whether commands may consume or reserve this service.
    pub fn allows_service(&self, service: &str) -> bool {
        let services = self.services.as_ref();
        services.is_none_or(|services| services.iter().any(|pattern| is_match(pattern, service)))
    }

    /// Whether commands may consume or reserve some service.
    pub fn allows_any_service(&self) -> bool {
        self.services
            .as_ref()
            .is_none_or(|services| !services.is_empty())
    }
}

impl SenderPolicy {
    /// Checks that `sender` may send a command.
    pub fn check_command(&self, sender: Option<&str>, command: &Command) -> Result<(), Rejection> {
        // Jobs of the worker have no sender.
        if command.origin == ledger::Origin::Internal {
            return Ok(());
        }
        let service = match &command.action {
            Action::Consume(consume) => Some(consume.service.as_str()),
            Action::Hold(hold) => Some(hold.service.as_str()),
            _ => None,
        };
        self.check(sender, Some(&command.user_id), service)?;
        match (&command.action, sender) {
            (Action::Capture(_) | Action::Release(_), Some(sender)) => {
                self.check_settlement(sender, "hold")
            }
            (Action::Refund(_), Some(sender)) => self.check_settlement(sender, "of"),
            _ => Ok(()),
        }
    }

    /// Checks that `sender` may send a query.
    pub fn check_query(&self, sender: Option<&str>, query: &Query) -> Result<(), Rejection> {
        self.check(sender, query.user_id(), None)
    }

    /// Checks a capture, release or refund, which names an earlier command in `field` and no
    /// service. The service was checked when that command was sent, so only a sender that may use
    /// no service at all is refused.
    fn check_settlement(&self, sender: &str, field: &str) -> Result<(), Rejection> {
        let limits = self.limits.get(sender);
        if limits.is_none_or(SenderLimits::allows_any_service) {
            return Ok(());
        }
        Err(Rejection {
            code: RejectionCode::ForbiddenSender,
            message: format!("the sender `{sender}` may use no service, and so no `{field}`"),
            field: Some(field.to_owned()),
        })
    }

    fn check(
        &self,
        sender: Option<&str>,
        user_id: Option<&str>,
        service: Option<&str>,
    ) -> Result<(), Rejection> {
        let Some(sender) = sender else {
            return if self.required {
                Err(unnamed())
            } else {
                Ok(())
            };
        };
        let Some(limits) = self.limits.get(sender) else {
            return Ok(());
        };
        if let (Some(user_id), Some(prefixes)) = (user_id, &limits.user_prefixes)
            && !limits.allows_user(user_id)
        {
            return Err(forbidden(
                sender,
                ("userId", user_id),
                prefixes,
                "user ids that begin with",
            ));
        }
        if let (Some(service), Some(services)) = (service, &limits.services)
            && !limits.allows_service(service)
        {
            return Err(forbidden(
                sender,
                ("service", service),
                services,
                "the services",
            ));
        }
        Ok(())
    }
}

fn is_match(pattern: &str, service: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => service.starts_with(prefix),
        None => service == pattern,
    }
}

fn unnamed() -> Rejection {
    Rejection {
        code: RejectionCode::ForbiddenSender,
        message: "the message names no sender: set the AMQP property `user_id` to the account of \
                  the connection"
            .to_owned(),
        field: None,
    }
}

fn forbidden(
    sender: &str,
    (field, found): (&str, &str),
    allowed: &[String],
    kind: &str,
) -> Rejection {
    let allowed: Vec<String> = allowed.iter().map(|one| format!("`{one}`")).collect();
    Rejection {
        code: RejectionCode::ForbiddenSender,
        message: format!(
            "`{field}` is `{found}`; the sender `{sender}` may use only {kind} {}",
            allowed.join(", ")
        ),
        field: Some(field.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `required` may be `false` here so that a test covers one rule alone. The configuration
    /// demands `required` as soon as there are limits.
    fn policy(required: bool) -> SenderPolicy {
        let text = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        SenderPolicy {
            required,
            limits: [
                (
                    "team-a".to_owned(),
                    SenderLimits {
                        user_prefixes: text(&["a:", "shared:"]),
                        services: text(&["google:chat", "llm:*"]),
                    },
                ),
                (
                    "reporting".to_owned(),
                    SenderLimits {
                        user_prefixes: None,
                        services: text(&[]),
                    },
                ),
            ]
            .into(),
            ..SenderPolicy::default()
        }
    }

    fn consume(user_id: &str, service: &str) -> Command {
        of_usage(producer_sdk::contract::Command::consume(
            "r", user_id, service,
        ))
    }

    fn of_usage(command: producer_sdk::contract::Command) -> Command {
        crate::decode::command_of(command, producer_sdk::contract::Origin::Usage)
            .expect("a command")
    }

    /// The field that a rejection names.
    fn field_of(checked: Result<(), Rejection>) -> Result<(), Option<String>> {
        checked.map_err(|rejection| {
            assert_eq!(rejection.code, RejectionCode::ForbiddenSender);
            rejection.field
        })
    }

    /// Conformance: Broker permissions and senders: `senders.limits` restricts the users and
    /// services that a sender may name
    #[test]
    fn a_sender_with_limits_may_name_its_users_and_services_only() {
        let policy = policy(false);
        let check =
            |sender, user, service| field_of(policy.check_command(sender, &consume(user, service)));
        let user_id = Err(Some("userId".to_owned()));
        let service = Err(Some("service".to_owned()));
        assert_eq!(check(Some("team-a"), "a:1", "google:chat"), Ok(()));
        assert_eq!(check(Some("team-a"), "shared:1", "llm:tokens"), Ok(()));
        assert_eq!(check(Some("team-a"), "b:1", "google:chat"), user_id);
        assert_eq!(check(Some("team-a"), "a", "google:chat"), user_id);
        assert_eq!(check(Some("team-a"), "a:1", "google:chat2"), service);
        assert_eq!(check(Some("reporting"), "b:1", "google:chat"), service);
        assert_eq!(check(Some("team-b"), "a:1", "google:image"), Ok(()));
        assert_eq!(check(None, "a:1", "google:image"), Ok(()));
    }

    #[test]
    fn a_sender_with_limits_may_hold_for_its_services_only() {
        use producer_sdk::contract::Command as Wire;
        let policy = policy(false);
        let check = |sender, command| field_of(policy.check_command(Some(sender), &command));
        let hold = |user, service| of_usage(Wire::hold("h", user, service));
        let settlements = |user| {
            [
                of_usage(Wire::capture("h:1", user, "h")),
                of_usage(Wire::release("h:release", user, "h")),
            ]
        };
        let field = |name: &str| Err(Some(name.to_owned()));
        assert_eq!(check("team-a", hold("a:1", "llm:tokens")), Ok(()));
        assert_eq!(
            check("team-a", hold("a:1", "google:image")),
            field("service")
        );
        assert_eq!(check("team-a", hold("b:1", "llm:tokens")), field("userId"));
        for settlement in settlements("a:1") {
            assert_eq!(check("team-a", settlement.clone()), Ok(()));
            assert_eq!(check("reporting", settlement), field("hold"));
        }
        let refund = of_usage(Wire::refund("u:refund", "a:1", "u"));
        assert_eq!(check("team-a", refund.clone()), Ok(()));
        assert_eq!(check("reporting", refund), field("of"));
        for settlement in settlements("b:1") {
            assert_eq!(check("team-a", settlement), field("userId"));
        }
    }

    #[test]
    fn an_empty_text_in_a_list_allows_nothing() {
        let empty = || Some(vec![String::new()]);
        let limits = SenderLimits {
            user_prefixes: empty(),
            services: empty(),
        };
        assert!(!limits.allows_user("ada"));
        assert!(!limits.allows_service("google:chat"));
    }

    #[test]
    fn a_message_without_a_sender_is_rejected_if_senders_are_required() {
        let policy = policy(true);
        let command = consume("a:1", "google:chat");
        assert_eq!(field_of(policy.check_command(None, &command)), Err(None));
        assert_eq!(
            field_of(policy.check_command(Some("team-b"), &command)),
            Ok(())
        );
        let jobs = Command {
            origin: ledger::Origin::Internal,
            ..command
        };
        assert_eq!(field_of(policy.check_command(None, &jobs)), Ok(()));
        assert_eq!(
            field_of(policy.check_query(None, &Query::Packages {})),
            Err(None)
        );
    }

    #[test]
    fn queries_are_limited_to_the_users_of_their_sender() {
        let policy = policy(false);
        let check = |query: &Query| field_of(policy.check_query(Some("team-a"), query));
        assert_eq!(check(&Query::balance("a:1")), Ok(()));
        assert_eq!(
            check(&Query::balance("b:1")),
            Err(Some("userId".to_owned()))
        );
        assert_eq!(check(&Query::Packages {}), Ok(()));
    }

    #[test]
    fn a_rejection_says_what_was_found_and_what_is_allowed() {
        let rejection = policy(false)
            .check_command(Some("team-a"), &consume("b:1", "google:chat"))
            .expect_err("another team's user");
        assert_eq!(
            rejection.message,
            "`userId` is `b:1`; the sender `team-a` may use only user ids that begin with `a:`, \
             `shared:`"
        );
    }
}
