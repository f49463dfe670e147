//! `scrip topology`: exchanges, queues, users and limits on the broker.

mod policies;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::ValueEnum;
use producer_sdk::contract::{Permissions, Role, USER_LIMITS};
use serde_json::{Map, Value, json};
use strum::VariantArray;
use uuid::Uuid;

use super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows, escape},
};
use crate::{
    audit_log::OperatorAction,
    config::Backend,
    read,
    transport::amqp::{self, topology, virtual_host},
};

const USER_EXAMPLES: &str = "\
Examples:
  openssl rand -hex 24 | tee shop.password \
    | scrip topology user app shop | rabbitmqctl import_definitions
  scrip topology user bridge stripe --vhost /shop <stripe.password >stripe.json";

/// Declare exchanges and queues on the broker, and print its users and limits
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Declare all exchanges and queues of the namespace, as a worker does at its start
    ///
    /// An object that exists with other arguments is reported and left as it is (exit code 1).
    Declare,
    /// Assign the namespace to the ledger of DATABASE_URL, also if it belongs to another ledger
    ///
    /// For an intended change of the database. A restored backup is the same ledger and needs no
    /// claim. The messages that wait in the queues are then applied to the new ledger. Stop all
    /// workers first.
    Claim {
        /// Confirm that the waiting messages are applied to this ledger; required
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        actor: ActorArgs,
    },
    /// Print the permissions that each kind of user needs
    ///
    /// The permissions are regular expressions of the names that the user may configure, write and
    /// read.
    Permissions,
    Policies(policies::Args),
    User(UserArgs),
}

/// Print a broker user with its permissions and limits
///
/// The output is for `rabbitmqctl import_definitions`. The first line of stdin is the password. An
/// existing user gets the new password and the permissions.
#[derive(Debug, clap::Args)]
#[command(after_help = USER_EXAMPLES)]
pub struct UserArgs {
    /// Kind of the user
    #[arg(value_enum, value_name = "KIND")]
    role: Kind,
    /// Name of the user
    #[arg(allow_hyphen_values = true)]
    name: String,
    /// Virtual host. Default: that of AMQP_URL, else /
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    vhost: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// App: sends consume commands and queries
    App,
    /// Payment bridge or back office: sends all other commands
    Bridge,
    /// Worker, or an operator with this program
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

/// Runs a subcommand.
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
    let topology = context.settings.topology()?;
    let ledger_id = ledger_id(context).await?;
    if let Some(id) = ledger_id {
        amqp::compare_ledger_at(url.expose(), &topology, id)
            .await
            .doing(format!("declare the topology at {url}"))?;
    }
    let mut differences = topology::declare_at(url.expose(), &topology)
        .await
        .doing(format!("declare the topology at {url}"))?;
    let exchanges = topology.exchanges();
    let mut queues = topology.queues();
    let is_complete = differences.iter().all(|difference| difference.is_usable);
    if let Some(max_age) = context.settings.recovery.retain.filter(|_| is_complete) {
        let declared = amqp::declare_retained_at(url.expose(), &topology, max_age).await;
        differences.extend(declared.doing(format!("declare the stream at {url}"))?);
        queues.push(topology.retained_queue(max_age));
    }
    queues.extend(ledger_id.map(|id| topology.ledger_queue(id)));
    if context.json {
        let differences: Vec<_> = differences
            .iter()
            .map(|difference| {
                json!({
                    "what": difference.what,
                    "why": difference.why,
                    "remedy": difference.remedy,
                    "usable": difference.is_usable,
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
            let finding = if difference.is_usable {
                "differs from the declaration"
            } else {
                "is unavailable"
            };
            print::line(&format!("{finding}: {}: {why}", difference.what))?;
            if let Some(remedy) = &difference.remedy {
                print::line(&format!("  to do: {remedy}"))?;
            }
        }
    }
    Ok(ExitCode::from(u8::from(!differences.is_empty())))
}

/// The id of the ledger, if a database with a current schema is configured. Otherwise the first
/// worker claims the namespace.
async fn ledger_id(context: &Context) -> Result<Option<Uuid>, Failure> {
    if context.settings.database.url.is_none() {
        return Ok(None);
    }
    let store = context.database().await?;
    if !migration::is_current(store.connection()).await? {
        return Ok(None);
    }
    Ok(Some(read::ledger_id(&store).await?))
}

async fn claim(context: &Context, yes: bool, actor: &ActorArgs) -> Result<ExitCode, Failure> {
    let Backend::Servers { amqp: url, .. } = context.settings.backend()? else {
        return Err(Failure::new(
            "AMQP_URL is missing: in the embedded default the file is the queue, and there is no \
             namespace to claim",
        ));
    };
    if !yes {
        return Err(Failure::new(
            "this applies all messages that wait in the namespace to the ledger of DATABASE_URL; \
             add --yes to confirm",
        ));
    }
    let topology = context.settings.topology()?;
    let id = read::ledger_id(&*context.ledger().await?).await?;
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
        print::line(&format!(
            "the namespace {namespace} now belongs to the ledger {id}"
        ))?;
    }
    recorded?;
    Ok(ExitCode::SUCCESS)
}

fn permissions(context: &Context) -> Result<ExitCode, Failure> {
    let topology = context.settings.topology()?;
    let all = Role::VARIANTS
        .iter()
        .map(|role| (role.as_str(), topology.permissions(*role)));
    if context.json {
        let all =
            all.map(|(user, permissions)| with_permissions(json!({ "user": user }), permissions));
        print::json(&all.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&["user", "permission", "names"]);
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
    let permissions = context.settings.topology()?.permissions(args.role.into());
    let password = password()?;
    let mut user = json!({ "name": args.name, "password": password, "tags": [] });
    if !matches!(args.role, Kind::Worker) {
        user["limits"] = policies::limits(&USER_LIMITS);
    }
    let permissions = with_permissions(json!({ "user": args.name, "vhost": vhost }), permissions);
    print::json(&json!({ "users": [user], "permissions": [permissions] }))?;
    Ok(ExitCode::SUCCESS)
}

/// The virtual host of `--vhost`, else that of the broker's URL, else the default one.
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

/// Reads the password from the first line of stdin. It is no argument, because every user of the
/// machine can read arguments.
fn password() -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::new(
            "stdin is a terminal: pass the password through a pipe or from a file",
        ));
    }
    let mut line = String::new();
    stdin
        .read_line(&mut line)
        .doing("read the password from stdin")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new(
            "the password, the first line of stdin, is empty; allowed is at least one character",
        ));
    }
    Ok(password.to_owned())
}
