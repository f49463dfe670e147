//! The name of the operator in the audit log.

use producer_sdk::{contract::MAX_ID_BYTES, is_invisible};

use crate::cli::failure::Failure;

/// The argument that names the operator.
#[derive(Clone, Debug, clap::Args)]
pub struct ActorArgs {
    /// Name of the operator for the audit log, such as ops:maria. Default: the system user
    #[arg(
        long,
        env = "SCRIP_ACTOR",
        value_name = "NAME",
        value_parser = checked,
        allow_hyphen_values = true
    )]
    actor: Option<String>,
}

impl ActorArgs {
    /// The given name, else the system user.
    pub fn name(&self) -> Result<String, Failure> {
        if let Some(name) = &self.actor {
            return Ok(name.clone());
        }
        checked(&system_user()).map_err(|problem| {
            Failure::new(format!(
                "the name of the system user cannot be the actor: {problem}; set --actor or \
                 SCRIP_ACTOR"
            ))
        })
    }
}

/// The name of the user that this program runs as, or `uid:` and the number if the user has no
/// name.
///
/// The name comes from the system, because any process can set `USER` and `LOGNAME`.
#[cfg(unix)]
pub fn system_user() -> String {
    use nix::unistd::{User, getuid};
    let id = getuid();
    let user = User::from_uid(id).ok().flatten();
    user.map_or_else(|| format!("uid:{id}"), |user| user.name)
}

/// The name of the user that this program runs as.
#[cfg(not(unix))]
pub fn system_user() -> String {
    std::env::var("USERNAME").unwrap_or_else(|_| "unknown".to_owned())
}

/// Checks a name. The rules are those of ids in commands, because `freeze` sends the same name.
fn checked(name: &str) -> Result<String, String> {
    let is_allowed = (1..=MAX_ID_BYTES).contains(&name.len())
        && !name.chars().any(is_invisible)
        && name.trim() == name;
    if is_allowed {
        return Ok(name.to_owned());
    }
    Err(format!(
        "allowed are 1 to {MAX_ID_BYTES} bytes of visible characters, with spaces only inside; got \
         {} bytes",
        name.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_has_1_to_200_bytes_of_visible_characters() {
        let longest = "é".repeat(100);
        for name in ["ops:maria", "Maria Ünal", "-", longest.as_str()] {
            assert_eq!(checked(name).as_deref(), Ok(name));
        }
        let longer = "é".repeat(101);
        for name in [
            "",
            " ",
            " a",
            "a ",
            "a\nb",
            "a\u{1b}[31m",
            "a\u{200b}",
            longer.as_str(),
        ] {
            assert!(checked(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_actor_is_the_given_name_or_else_the_system_user() {
        let given = ActorArgs {
            actor: Some("ops:maria".to_owned()),
        };
        assert_eq!(given.name().ok().as_deref(), Some("ops:maria"));
        let by_default = ActorArgs { actor: None };
        assert_eq!(by_default.name().ok(), Some(system_user()));
    }
}
