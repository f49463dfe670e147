//! `scrip topology`: exchanges and queues on the broker.

use std::process::ExitCode;

use serde_json::json;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, escape},
};
use crate::{amqp::topology, config::Backend};

/// Exchanges and queues on the broker.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Declare everything that the namespace needs, as the worker does at its start
    ///
    /// What exists with other arguments is named and left as it is: exit code 1.
    Declare,
}

/// Declares it.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let Command::Declare = command;
    if let Ok(Backend::Embedded { .. }) = context.settings.backend() {
        return Err(Failure::new(
            "AMQP_URL is missing: the embedded default has no topology to declare",
        ));
    }
    let url = context.settings.queue_url()?;
    let topology = context.topology()?;
    let differences = topology::declare_at(url.expose(), &topology)
        .await
        .doing(format!("declare the topology at {url}"))?;
    let (exchanges, queues) = (topology.exchanges(), topology.queues());
    if context.json {
        let differences: Vec<_> = differences
            .iter()
            .map(|difference| json!({ "what": difference.what, "why": difference.why }))
            .collect();
        print::json(&json!({
            "exchanges": exchanges.iter().map(|exchange| &exchange.name).collect::<Vec<_>>(),
            "queues": queues.iter().map(|queue| &queue.name).collect::<Vec<_>>(),
            "differences": differences,
        }))?;
    } else {
        for exchange in &exchanges {
            print::line(&format!("exchange {}", exchange.name))?;
        }
        for queue in &queues {
            print::line(&format!("queue    {}", queue.name))?;
        }
        for difference in &differences {
            let why = escape(&difference.why);
            print::line(&format!(
                "not as it would be declared: {}: {why}",
                difference.what
            ))?;
        }
    }
    Ok(ExitCode::from(u8::from(!differences.is_empty())))
}
