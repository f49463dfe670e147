//! How the story is told: in lines of at most 80 columns.

use producer_sdk::{Outcome, contract::BalanceResult};

use super::story::Step;
use crate::{
    cli::{print::line, publish, show},
    config::Backend,
};

const WIDTH: usize = 78;

/// Says where it is played.
pub fn opening(backend: &Backend) -> print::Result {
    line("Scrip: every credit from its source to its use")?;
    match backend {
        Backend::Servers { amqp, database } => {
            line(&format!("on {amqp}"))?;
            line(&format!("and {database}"))?;
            line("in a namespace and a schema of its own, removed at the end")
        }
        Backend::Embedded { .. } => {
            line("on a temporary SQLite file, with a durable queue in it")?;
            line("(with AMQP_URL and DATABASE_URL set: on RabbitMQ and PostgreSQL)")
        }
    }
}

/// A heading.
pub fn heading(text: &str) -> print::Result {
    line("")?;
    line(text)?;
    line(&"─".repeat(text.chars().count()))
}

/// What is about to happen, and the command that is published.
pub fn step(number: usize, step: &Step) -> print::Result {
    heading(&format!("{number}. {}", step.title))?;
    line(step.why)?;
    let body = String::from_utf8_lossy(&step.command.to_json()).into_owned();
    arrowed(&format!("{} →", step.command.door().as_str()), &body)
}

/// What became of it.
pub fn outcome(outcome: &Outcome) -> print::Result {
    arrowed("outcome ←", &publish::summary(outcome))
}

/// Text behind an arrow, in lines of at most [`WIDTH`].
fn arrowed(arrow: &str, text: &str) -> print::Result {
    let mut arrow = format!("  {arrow:>9} ");
    let indent = " ".repeat(arrow.chars().count());
    for part in wrapped(text, WIDTH - indent.len()) {
        line(&format!("{arrow}{}", part.trim_end()))?;
        arrow.clone_from(&indent);
    }
    Ok(())
}

/// The answer to the balance query.
pub fn balance(balance: &BalanceResult) -> print::Result {
    heading("6. How much does she have now? (a query, over the queue)")?;
    line(&format!(
        "  {} available; earned {}, spent {}",
        show::credits(balance.available_credits),
        show::credits(balance.total_earned),
        show::credits(balance.total_spent)
    ))
}

/// What to do next.
pub fn next(backend: &Backend) -> print::Result {
    let program = std::env::args().next().unwrap_or_default();
    let built_here = program.contains("target/debug/") || program.contains("target/release/");
    let scrip = if built_here { "cargo run --" } else { "scrip" };
    heading("Next")?;
    line(&format!("  {scrip} run"))?;
    line("      a worker; without servers on one SQLite file of yours")?;
    line(&format!(
        "  {scrip} publish grant --user ada --reason registration_bonus --wait"
    ))?;
    line("      from another terminal")?;
    line(&format!("  {scrip} balance ada      {scrip} --help"))?;
    if let Backend::Embedded { .. } = backend {
        line("  AMQP_URL=amqp://… DATABASE_URL=postgres://… with any of them")?;
        line("      the same over RabbitMQ and PostgreSQL (docker-compose.yml has both)")?;
    }
    Ok(())
}

/// Text in lines of at most `width`, broken after commas.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive(',') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + part.chars().count() <= width => last.push_str(part),
            _ => lines.push(part.trim_start().to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_json_is_broken_after_commas_and_stays_the_same() {
        let json = r#"{"type":"consume","referenceId":"a","userId":"b","service":"c","quantity":5}"#;
        let lines = wrapped(json, 30);
        assert_eq!(lines.concat(), json);
        assert!(
            lines.len() > 2 && lines.iter().all(|line| line.len() <= 30),
            "{lines:?}"
        );
    }
}
