//! `scrip topology`: exchanges, queues and users on the broker.

mod policies;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::ValueEnum;
use producer_sdk::contract::{Permissions, Role, USER_LIMITS};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows, escape},
};
use crate::{
    amqp::{self, topology, virtual_host},
    config::Backend,
    store::OperatorAction,
};

const USER_EXAMPLES: &str = "\
Examples:
  openssl rand -hex 24 | tee shop.password | scrip topology user app shop | rabbitmqctl import_definitions
  scrip topology user bridge stripe --vhost /shop <stripe.password >stripe.json";

/// Exchanges, queues and users on the broker.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Declare everything that the namespace needs, as the worker does at its start
    ///
    /// What exists with other arguments is named and left as it is: exit code 1.
    Declare,
    /// Give the namespace to the ledger in DATABASE_URL, also if it belongs to another
    ///
    /// For an intended change of the database; a restored backup is the same ledger and needs no claim. Messages that
    /// wait in the queues go to the new ledger. Stop all workers first.
    Claim {
        /// Yes, to this ledger
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        actor: ActorArgs,
    },
    /// What each kind of user needs: regular expressions of what it may configure, write and read
    Permissions,
    /// What bounds how much an app can make the broker keep: policies and limits, as commands for `rabbitmqctl`
    ///
    /// With --json as definitions for `rabbitmqctl import_definitions`, but for the users' limits.
    Policies(policies::Args),
    /// Write a user with these permissions and limits, as definitions for `rabbitmqctl import_definitions`
    ///
    /// The password is read from stdin. A user that exists gets the password and the permissions.
    User(UserArgs),
}

/// Whom to let in.
#[derive(Debug, clap::Args)]
#[command(after_help = USER_EXAMPLES)]
pub struct UserArgs {
    /// What the user does
    #[arg(value_enum, value_name = "KIND")]
    role: Kind,
    /// Its name
    #[arg(allow_hyphen_values = true)]
    name: String,
    /// The virtual host. Default: that of AMQP_URL, else /
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    vhost: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// An app: spends and asks
    App,
    /// A payment bridge or a back office: sells, grants, subscribes, freezes
    Bridge,
    /// A worker, and whoever operates the ledger with this program
    Worker,
}

impl From<Kind> for Role {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::App => Self::App,
            Kind::Bridge => Self::Bridge,
            Kind::Worker => Self::Worker,
        }
    }
}

/// Does what was asked for.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Declare => declare(context).await,
        Command::Claim { yes, actor } => claim(context, yes, &actor).await,
        Command::Permissions => permissions(context),
        Command::Policies(args) => policies::run(context, &args),
        Command::User(args) => user(context, &args),
    }
}

async fn declare(context: &Context) -> Result<ExitCode, Failure> {
    if let Ok(Backend::Embedded { .. }) = context.settings.backend() {
        return Err(Failure::new(
            "AMQP_URL is missing: the embedded default has no topology to declare",
        ));
    }
    let url = context.settings.queue_url()?;
    let topology = context.topology()?;
    let ledger_id = ledger_id(context).await?;
    if let Some(id) = ledger_id {
        amqp::compare_ledger_at(url.expose(), &topology, id)
            .await
            .doing(format!("declare the topology at {url}"))?;
    }
    let differences = topology::declare_at(url.expose(), &topology)
        .await
        .doing(format!("declare the topology at {url}"))?;
    let exchanges = topology.exchanges();
    let mut queues = topology.queues();
    queues.extend(ledger_id.map(|id| topology.ledger_queue(id)));
    if context.json {
        let differences: Vec<_> = differences
            .iter()
            .map(|difference| {
                json!({
                    "what": difference.what,
                    "why": difference.why,
                    "remedy": difference.remedy,
                })
            })
            .collect();
        print::json(&json!({
            "exchanges": exchanges.iter().map(|exchange| &exchange.name).collect::<Vec<_>>(),
            "queues": queues.iter().map(|queue| &queue.name).collect::<Vec<_>>(),
            "ledger": ledger_id,
            "differences": differences,
        }))?;
    } else {
        for exchange in &exchanges {
            print::line(&format!("exchange {}", exchange.name))?;
        }
        for queue in &queues {
            print::line(&format!("queue    {}", queue.name))?;
        }
        if let Some(id) = ledger_id {
            print::line(&format!("ledger   {id}"))?;
        }
        for difference in &differences {
            let why = escape(&difference.why);
            print::line(&format!(
                "not as it would be declared: {}: {why}",
                difference.what
            ))?;
            if let Some(remedy) = &difference.remedy {
                print::line(&format!("  to do: {remedy}"))?;
            }
        }
    }
    Ok(ExitCode::from(u8::from(!differences.is_empty())))
}

/// The id of the ledger, where a database with a schema is configured. Without one the first worker claims the namespace.
async fn ledger_id(context: &Context) -> Result<Option<Uuid>, Failure> {
    if context.settings.database.url.is_none() {
        return Ok(None);
    }
    let store = context.database().await?;
    if !migration::is_current(store.connection()).await? {
        return Ok(None);
    }
    Ok(Some(store.ledger_id().await?))
}

async fn claim(context: &Context, yes: bool, actor: &ActorArgs) -> Result<ExitCode, Failure> {
    let Backend::Servers { amqp: url, .. } = context.settings.backend()? else {
        return Err(Failure::new(
            "AMQP_URL is missing: with the embedded default the file is the queue, and nothing has to be claimed",
        ));
    };
    if !yes {
        return Err(Failure::new(
            "this applies everything that waits in the namespace to the ledger in DATABASE_URL; add --yes if that is what you want",
        ));
    }
    let topology = context.topology()?;
    let id = context.ledger().await?.ledger_id().await?;
    let namespace = topology.namespace();
    let mut detail = Map::new();
    detail.insert("ledger".to_owned(), json!(id));
    let intention = Intention {
        action: OperatorAction::TopologyClaim,
        subject: Some(namespace.to_owned()),
        user_id: None,
        detail,
    };
    let entry = Entry::begin(context, actor, intention).await?;
    let claimed = amqp::claim_ledger_at(url.expose(), &topology, id)
        .await
        .doing(format!("claim the namespace at {url}"));
    let recorded = entry
        .end(
            &claimed,
            Ending {
                completed: true,
                detail: json!({}),
            },
        )
        .await;
    claimed?;
    if context.json {
        print::json(&json!({ "namespace": namespace, "ledger": id }))?;
    } else {
        print::line(&format!("the namespace {namespace} belongs to the ledger {id}"))?;
    }
    recorded?;
    Ok(ExitCode::SUCCESS)
}

fn permissions(context: &Context) -> Result<ExitCode, Failure> {
    let topology = context.topology()?;
    let all = Role::ALL.map(|role| (role.as_str(), topology.permissions(role)));
    if context.json {
        let all = all.map(|(user, permissions)| with_permissions(json!({ "user": user }), permissions));
        print::json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&["user", "may", "names"]);
    for (
        user,
        Permissions {
            configure,
            write,
            read,
        },
    ) in all
    {
        rows.push([user, "configure", &configure]);
        rows.push(["", "write", &write]);
        rows.push(["", "read", &read]);
    }
    rows.print()?;
    Ok(ExitCode::SUCCESS)
}

fn user(context: &Context, args: &UserArgs) -> Result<ExitCode, Failure> {
    let vhost = vhost(context, args.vhost.as_deref())?;
    let permissions = context.topology()?.permissions(args.role.into());
    let password = password()?;
    let mut user = json!({ "name": args.name, "password": password, "tags": [] });
    if !matches!(args.role, Kind::Worker) {
        user["limits"] = policies::limits(&USER_LIMITS);
    }
    print::json(&json!({
        "users": [user],
        "permissions": [with_permissions(json!({ "user": args.name, "vhost": vhost }), permissions)],
    }))?;
    Ok(ExitCode::SUCCESS)
}

/// The virtual host that was named, else that of the broker's URL, else the default one.
fn vhost(context: &Context, named: Option<&str>) -> Result<String, Failure> {
    Ok(match (named, &context.settings.amqp) {
        (Some(name), _) => name.to_owned(),
        (None, Some(url)) => virtual_host(url.expose())?,
        (None, None) => "/".to_owned(),
    })
}

fn with_permissions(mut entry: Value, permissions: Permissions) -> Value {
    entry["configure"] = permissions.configure.into();
    entry["write"] = permissions.write.into();
    entry["read"] = permissions.read.into();
    entry
}

/// One line of stdin: an argument could be seen by everybody on the machine.
fn password() -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::new(
            "the password is read from stdin, which is the terminal: give it through a pipe or from a file",
        ));
    }
    let mut line = String::new();
    stdin.read_line(&mut line).doing("read the password from stdin")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new(
            "the password, the first line of stdin, is empty; allowed is at least one character",
        ));
    }
    Ok(password.to_owned())
}
