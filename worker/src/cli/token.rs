//! `scrip token`: the tokens of the HTTP API.

use std::{process::ExitCode, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use producer_sdk::Command as Wire;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows, escape},
    show, values,
};
use crate::{
    audit_log::OperatorAction,
    config::duration,
    http::tokens::{self, NewToken, Scope, Token, TokenRole, TokenText},
    senders::SenderLimits,
};

const CREATE_EXAMPLES: &str = "\
Examples:
  scrip token create shop --role app
  scrip token create team-a --role app --user-prefix team-a: --service 'llm:*' --valid-for 90d
  scrip token create billing --role bridge --rate 50";

const MAX_RATE: i64 = 1_000_000;
/// 100 years.
const MAX_VALIDITY: Duration = Duration::from_hours(24 * 36_500);

/// Create, list or revoke the tokens of the HTTP API
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Create(Box<CreateArgs>),
    /// List the tokens, newest first, without their secrets
    List,
    Revoke(RevokeArgs),
}

/// Create a token and print it
///
/// The token is shown once: only a hash of it is stored. A token may send the commands of one
/// origin, or of both: `app` those of `usage`, `bridge` those of `funding`, `admin` both. Every
/// token may read balances, histories and prices within its scope.
#[derive(Debug, clap::Args)]
#[command(after_help = CREATE_EXAMPLES)]
pub struct CreateArgs {
    /// Name for people, such as the app that gets the token
    #[arg(allow_hyphen_values = true, value_parser = name)]
    name: String,
    /// Rights of the token: app, bridge or admin
    #[arg(long, value_name = "ROLE", value_parser = values::name_of::<TokenRole>())]
    role: TokenRole,
    /// Only users whose ids begin with this text; may be given several times
    #[arg(long, value_name = "PREFIX", allow_hyphen_values = true, value_parser = name)]
    user_prefix: Vec<String>,
    /// Only this service, or all that begin with the text before a final `*`; may be given several
    /// times
    #[arg(long, value_name = "SERVICE", allow_hyphen_values = true, value_parser = name)]
    service: Vec<String>,
    /// Requests per second; each command of a batch counts. Default: http.rate
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=MAX_RATE)
    )]
    rate: Option<u32>,
    /// First instant at which the token is not valid any more (RFC 3339). Default: never
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    expires: Option<DateTime<Utc>>,
    /// Time from now for which the token is valid, such as 12h or 90d
    #[arg(long, value_name = "TIME", value_parser = validity, conflicts_with = "expires")]
    valid_for: Option<TimeDelta>,
    #[command(flatten)]
    actor: ActorArgs,
}

/// Revoke a token
///
/// Every server refuses it within 5 seconds, or, while the database is away, within 5 minutes.
/// Exit code 1 if there is no token with this id.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip token revoke 019ad6e1f0e07c4ab1d4f0a1b2c3d4e5")]
pub struct RevokeArgs {
    /// Id of the token, as `scrip token list` shows it
    id: Uuid,
    #[command(flatten)]
    actor: ActorArgs,
}

/// Runs a subcommand.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Create(args) => create(context, *args).await,
        Command::List => list(context).await,
        Command::Revoke(args) => revoke(context, args).await,
    }
}

async fn create(context: &Context, args: CreateArgs) -> Result<ExitCode, Failure> {
    let now = Utc::now();
    let expires_at = args
        .expires
        .or_else(|| args.valid_for.and_then(|time| now.checked_add_signed(time)));
    if expires_at.is_some_and(|at| at <= now) {
        let text = "--expires must be in the future: a token that is expired cannot be used";
        return Err(Failure::new(text).as_usage());
    }
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.to_vec());
    let scope = Scope(SenderLimits {
        user_prefixes: list(&args.user_prefix),
        services: list(&args.service),
    });
    let created_by = args.actor.name()?;
    let text = TokenText::generate().doing("make a random secret")?;
    let token = NewToken {
        text: &text,
        name: &args.name,
        role: args.role,
        scope: &scope,
        rate: args.rate,
        created_by: &created_by,
        expires_at,
    };
    let mut facts = Map::new();
    facts.insert("name".to_owned(), token.name.into());
    facts.insert("role".to_owned(), token.role.as_str().into());
    facts.insert("userPrefixes".to_owned(), json!(scope.0.user_prefixes));
    facts.insert("services".to_owned(), json!(scope.0.services));
    facts.insert("rate".to_owned(), json!(token.rate));
    facts.insert("expiresAt".to_owned(), json!(token.expires_at));
    let intention = Intention {
        action: OperatorAction::TokenCreate,
        subject: Some(text.id.simple().to_string()),
        user_id: None,
        detail: facts.clone(),
    };
    let entry = Entry::begin(context, &args.actor, intention).await?;
    let store = context.ledger().await?;
    let created = tokens::create(&store, &token, now).await;
    let created = created.doing("create the token");
    let recorded = entry.end(&created, completed(created.is_ok())).await;
    created?;
    if context.json {
        facts.insert("id".to_owned(), text.id.simple().to_string().into());
        facts.insert("token".to_owned(), text.expose().into());
        print::json(&facts)?;
    } else {
        print::line(&text.expose())?;
        print::warning("the token is not shown again; only a hash of it is stored");
    }
    recorded?;
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let (tokens, now) = (tokens::list(&store).await?, Utc::now());
    if context.json {
        let tokens: Vec<Value> = tokens.iter().map(|token| facts(token, now)).collect();
        print::json(&tokens)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&[
        "id", "name", "role", "users", "services", ">rate", "created", "expires", "status",
    ]);
    let list = |list: &Option<Vec<String>>| {
        let texts = list.as_ref().map(|texts| texts.join(" "));
        texts.unwrap_or_else(|| "all".to_owned())
    };
    for token in &tokens {
        rows.push([
            token.id.simple().to_string(),
            token.name.clone(),
            token.role.as_str().to_owned(),
            list(&token.scope.0.user_prefixes),
            list(&token.scope.0.services),
            token.rate.map(|rate| rate.to_string()).unwrap_or_default(),
            show::instant(token.created_at),
            token.expires_at.map(show::instant).unwrap_or_default(),
            status(token, now).to_owned(),
        ]);
    }
    rows.print()?;
    Ok(ExitCode::SUCCESS)
}

async fn revoke(context: &Context, args: RevokeArgs) -> Result<ExitCode, Failure> {
    let id = args.id.simple().to_string();
    let intention = Intention {
        action: OperatorAction::TokenRevoke,
        subject: Some(id.clone()),
        user_id: None,
        detail: Map::new(),
    };
    let entry = Entry::begin(context, &args.actor, intention).await?;
    let store = context.ledger().await?;
    let revoked = tokens::revoke(&store, args.id, Utc::now()).await;
    let revoked = match revoked.doing("revoke the token") {
        Ok(false) => Err(Failure::new(format!("there is no token with the id {id}"))
            .with_advice("`scrip token list` shows the ids")),
        revoked => revoked.map(drop),
    };
    let recorded = entry.end(&revoked, completed(revoked.is_ok())).await;
    revoked?;
    if context.json {
        print::json(&json!({ "id": id, "revoked": true }))?;
    } else {
        print::line(&format!("revoked: {}", escape(&id)))?;
    }
    recorded?;
    Ok(ExitCode::SUCCESS)
}

fn completed(completed: bool) -> Ending {
    Ending {
        completed,
        detail: json!({}),
    }
}

/// The facts of a token for a program. It has no secret and no hash.
fn facts(token: &Token, now: DateTime<Utc>) -> Value {
    json!({
        "id": token.id.simple().to_string(),
        "name": token.name,
        "role": token.role.as_str(),
        "userPrefixes": token.scope.0.user_prefixes,
        "services": token.scope.0.services,
        "rate": token.rate,
        "createdBy": token.created_by,
        "createdAt": token.created_at,
        "expiresAt": token.expires_at,
        "revokedAt": token.revoked_at,
        "status": status(token, now),
    })
}

fn status(token: &Token, now: DateTime<Utc>) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.is_valid_at(now) {
        "valid"
    } else {
        "expired"
    }
}

/// Checks a name, a prefix of user ids or a service by the rules of ids in commands. An empty
/// prefix would allow every user.
fn name(text: &str) -> Result<String, String> {
    match Wire::consume(text, "-", "-").check() {
        Ok(()) => Ok(text.to_owned()),
        Err(_) => Err("allowed are 1 to 200 bytes of visible characters".to_owned()),
    }
}

fn validity(text: &str) -> Result<TimeDelta, String> {
    let time = duration::parse(text).filter(|time| !time.is_zero() && *time <= MAX_VALIDITY);
    let time = time.and_then(|time| TimeDelta::from_std(time).ok());
    time.ok_or_else(|| "allowed are 1s to 36500d: a number with a unit (s, m, h, d)".to_owned())
}
