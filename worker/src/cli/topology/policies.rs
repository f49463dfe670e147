//! `scrip topology policies`: prints the limits of the broker, as commands for `rabbitmqctl` or as
//! definitions.

use std::process::ExitCode;

use producer_sdk::contract::{
    Arg, BROKER_SETTINGS, Policy, REPLY_TTL_MILLIS, Topology, USER_LIMITS, VHOST_LIMITS,
};
use serde_json::{Map, Value, json};

use crate::cli::{context::Context, failure::Failure, print};

const EXAMPLES: &str = "\
Examples:
  scrip topology policies --user shop >policies.sh && sh -eu policies.sh
  scrip --json topology policies | rabbitmqctl import_definitions";

/// Print policies and limits that bound how much an app can store in the broker
///
/// The output is a list of commands for `rabbitmqctl`. With --json, it is definitions for
/// `rabbitmqctl import_definitions`, which does not apply the limits of users.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Virtual host. Default: that of AMQP_URL, else /
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    vhost: Option<String>,
    /// User of an app or a bridge whose connections and channels to limit; can be repeated
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    user: Vec<String>,
}

/// Prints policies and limits.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let topology = context.settings.topology()?;
    let vhost = super::vhost(context, args.vhost.as_deref())?;
    if context.json {
        print::json(&definitions(&topology, &vhost, &args.user))?;
    } else {
        for line in commands(&topology, &vhost, &args.user) {
            print::line(&line)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Definitions for `rabbitmqctl import_definitions`. It imports no limits of users without their
/// passwords and no settings of the server; `userLimits` and `settings` are only for reading.
fn definitions(topology: &Topology, vhost: &str, users: &[String]) -> Value {
    let policies = topology.policies().map(|policy| {
        json!({
            "vhost": vhost,
            "name": policy.name,
            "pattern": policy.pattern,
            "apply-to": "queues",
            "priority": Policy::PRIORITY,
            "definition": definition(&policy),
        })
    });
    let users: Map<String, Value> = users
        .iter()
        .map(|user| (user.clone(), limits(&USER_LIMITS)))
        .collect();
    let limits = limits(&VHOST_LIMITS);
    json!({
        "policies": policies,
        "parameters": [{
            "component": "vhost-limits",
            "name": "limits",
            "vhost": vhost,
            "value": limits,
        }],
        "userLimits": users,
        "settings": BROKER_SETTINGS.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    })
}

/// The lines of a shell script, with the settings for `rabbitmq.conf` as comments.
fn commands(topology: &Topology, vhost: &str, users: &[String]) -> Vec<String> {
    let mut lines = vec![format!(
        "# replies expire after {} s; reply queues are bounded, and deleted when unused, unless an \
         operator declared them",
        REPLY_TTL_MILLIS / 1000
    )];
    let vhost = quoted(vhost);
    for policy in topology.policies() {
        lines.push(format!(
            "rabbitmqctl set_policy --vhost {vhost} --apply-to queues --priority {} {} {} {}",
            Policy::PRIORITY,
            quoted(&policy.name),
            quoted(&policy.pattern),
            quoted(&definition(&policy).to_string()),
        ));
    }
    let limits_of_vhost = quoted(&limits(&VHOST_LIMITS).to_string());
    lines.push(format!(
        "rabbitmqctl set_vhost_limits --vhost {vhost} {limits_of_vhost}"
    ));
    for user in users {
        let limits = quoted(&limits(&USER_LIMITS).to_string());
        lines.push(format!(
            "rabbitmqctl set_user_limits {} {limits}",
            quoted(user)
        ));
    }
    if users.is_empty() {
        lines.push(
            "# no users given: --user NAME limits connections and channels of an app or a bridge"
                .to_owned(),
        );
    }
    lines.push("# for rabbitmq.conf:".to_owned());
    lines.extend(BROKER_SETTINGS.map(|(name, value)| format!("#   {name} = {value}")));
    lines
}

fn definition(policy: &Policy) -> Value {
    let entries = policy.definition.iter().map(|(key, value)| {
        let value = match value {
            Arg::Str(text) => text.as_str().into(),
            Arg::Int(number) => (*number).into(),
            Arg::Bool(truth) => (*truth).into(),
        };
        ((*key).to_owned(), value)
    });
    Value::Object(entries.collect())
}

pub(super) fn limits(limits: &[(&str, i64)]) -> Value {
    let entries = limits.iter();
    Value::Object(
        entries
            .map(|(name, limit)| ((*name).to_owned(), (*limit).into()))
            .collect(),
    )
}

/// Quotes a word for a POSIX shell.
fn quoted(word: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
    if !word.is_empty() && word.bytes().all(is_plain) && !word.starts_with('-') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_each_quoted_word_unchanged() {
        for (word, expected) in [
            ("/", "/"),
            ("shop-1", "shop-1"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(reboot)", "'$(reboot)'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
