//! `scrip payments link` and `scrip payments replay`: events that could not be mapped.

use std::process::ExitCode;

use producer_sdk::{Command as Wire, Producer};
use serde_json::{Map, Value, json};
use strum::VariantArray;

use super::super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    print::{self, escape},
    publish::{unconnected, warn_if_unclosed},
    values,
};
use crate::{
    audit_log::OperatorAction,
    payments::{
        LinkKey, LinkKind, PaymentRules, Provider,
        service::{self, Publish, ServiceError},
        tables::{self, NewLink, OpenPosition, StoredStatus},
    },
    pipeline::chain,
    store::Store,
};

const CONNECTION: &str = "scrip payments";

/// Link a customer, a subscription or a payment of a provider to a user, and replay its events
///
/// Every event of the provider that could not be mapped is mapped again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip payments link stripe customer cus_1 --user ada")]
pub struct LinkArgs {
    /// Provider: creem or stripe
    #[arg(value_parser = values::name_of::<Provider>())]
    provider: Provider,
    /// Kind of the object: customer, invoice, payment or subscription
    #[arg(value_parser = values::name_of::<LinkKind>())]
    kind: LinkKind,
    /// The provider's id of the object
    #[arg(allow_hyphen_values = true, value_parser = id)]
    id: String,
    /// The user to whom it belongs
    #[arg(long, value_name = "USER", allow_hyphen_values = true, value_parser = id)]
    user: String,
    #[command(flatten)]
    actor: ActorArgs,
}

/// Map events that could not be mapped again, after the configuration was changed
///
/// Exit code 1 if an event still cannot be mapped, or failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip payments replay --provider stripe")]
pub struct ReplayArgs {
    /// Only events of this provider: creem or stripe
    #[arg(long, value_name = "PROVIDER", value_parser = values::name_of::<Provider>())]
    provider: Option<Provider>,
    #[command(flatten)]
    actor: ActorArgs,
}

impl Publish for Producer {
    type Error = producer_sdk::Error;

    async fn publish(&self, command: &Wire) -> Result<(), producer_sdk::Error> {
        Self::publish(self, command).await
    }
}

/// The number of events by what became of them.
#[derive(Default)]
struct Summary {
    mapped: u64,
    unmapped: u64,
    /// Events whose processing ended with an error.
    failed: u64,
}

/// Stores a link and replays the events of the provider.
pub async fn link(context: &Context, args: LinkArgs) -> Result<ExitCode, Failure> {
    let (key, created_by) = (LinkKey::new(args.kind, args.id), args.actor.name()?);
    let mut detail = Map::new();
    detail.insert("provider".to_owned(), args.provider.as_str().into());
    detail.insert("link".to_owned(), key.text().into());
    let intention = Intention {
        action: OperatorAction::PaymentLink,
        subject: Some(key.text()),
        user_id: Some(args.user.clone()),
        detail,
    };
    let entry = Entry::begin(context, &args.actor, intention).await?;
    let linked = async {
        let store = context.ledger().await?;
        let link = NewLink {
            provider: args.provider,
            key: &key,
            user: &args.user,
            created_by: &created_by,
        };
        let set = tables::set(&store, &link, chrono::Utc::now()).await;
        set.doing("store the link")?;
        replay(context, &store, &[args.provider]).await
    };
    end(context, entry, linked.await, false).await
}

/// Replays the events that are not finished.
pub async fn run(context: &Context, args: ReplayArgs) -> Result<ExitCode, Failure> {
    let mut detail = Map::new();
    let name = args.provider.map(Provider::as_str);
    detail.insert("provider".to_owned(), json!(name));
    let intention = Intention {
        action: OperatorAction::PaymentReplay,
        subject: name.map(ToOwned::to_owned),
        user_id: None,
        detail,
    };
    let entry = Entry::begin(context, &args.actor, intention).await?;
    let replayed = async {
        let store = context.ledger().await?;
        let all = Provider::VARIANTS;
        let providers = args.provider.map_or(all.to_vec(), |one| vec![one]);
        replay(context, &store, &providers).await
    };
    end(context, entry, replayed.await, true).await
}

/// Records and prints the end. `is_strict`: events that stay unmapped are a failure.
async fn end(
    context: &Context,
    entry: Entry,
    done: Result<Summary, Failure>,
    is_strict: bool,
) -> Result<ExitCode, Failure> {
    let failed = |summary: &Summary| summary.failed > 0 || is_strict && summary.unmapped > 0;
    let ending = Ending {
        completed: done.as_ref().is_ok_and(|summary| !failed(summary)),
        detail: match &done {
            Ok(summary) => facts(summary),
            Err(_) => json!({}),
        },
    };
    let recorded = entry.end(&done, ending).await;
    let summary = done?;
    if context.json {
        print::json(&facts(&summary))?;
    } else {
        let Summary {
            mapped,
            unmapped,
            failed,
        } = summary;
        let text = format!("{mapped} events mapped, {unmapped} not, {failed} failed");
        print::line(&text)?;
    }
    recorded?;
    Ok(ExitCode::from(u8::from(failed(&summary))))
}

fn facts(summary: &Summary) -> Value {
    let Summary {
        mapped,
        unmapped,
        failed,
    } = summary;
    json!({ "mapped": mapped, "unmapped": unmapped, "failed": failed })
}

async fn replay(
    context: &Context,
    store: &Store,
    providers: &[Provider],
) -> Result<Summary, Failure> {
    let url = context.queue_url().await?;
    let options = context.settings.client_options(CONNECTION);
    let producer = Producer::connect(url.expose(), options)
        .await
        .map_err(|error| unconnected(&url, error))?;
    let rules = PaymentRules::new(&context.settings);
    let replayed = async {
        let mut summary = Summary::default();
        for provider in providers {
            let mut position = Some(OpenPosition::START);
            while let Some(after) = position {
                let (page, next) = tables::open_events(store, *provider, after).await?;
                for event in page {
                    one(store, &rules, (*provider, &event), &producer, &mut summary).await;
                }
                position = next;
            }
        }
        Ok(summary)
    };
    let replayed = replayed.await;
    warn_if_unclosed(producer.close().await);
    replayed
}

/// Replays an event and counts what became of it. An error does not stop the others.
async fn one(
    store: &Store,
    rules: &PaymentRules,
    (provider, event): (Provider, &str),
    producer: &Producer,
    summary: &mut Summary,
) {
    let name = format!("{event} of {}", provider.as_str());
    match service::replay(store, rules, provider, event, producer).await {
        Ok(StoredStatus::Unmapped) | Err(ServiceError::GrantPending) => summary.unmapped += 1,
        Ok(_) => summary.mapped += 1,
        Err(error) => {
            let error = match error {
                ServiceError::Store(error) => chain(&error),
                ServiceError::Publish(error) => chain(&error),
                ServiceError::GrantPending => "the grant is pending".to_owned(),
            };
            summary.failed += 1;
            print::warning(&escape(&format!("the event {name} failed: {error}")));
        }
    }
}

/// Checks an id by the rules of ids in commands.
fn id(text: &str) -> Result<String, String> {
    match Wire::consume(text, "-", "-").check() {
        Ok(()) => Ok(text.to_owned()),
        Err(_) => Err("allowed are 1 to 200 bytes of visible characters".to_owned()),
    }
}
