//! The output of the example, in lines of at most 80 columns.

use console::style;
use producer_sdk::{Outcome, contract::BalanceResult};

use super::story::Step;
use crate::{
    cli::{
        print::{self, line},
        publish, show,
    },
    config::Backend,
};

const WIDTH: usize = 78;

/// Prints the title and the backend.
pub fn opening(backend: &Backend) -> print::Result {
    line("Scrip: every credit from its source to its use")?;
    match backend {
        Backend::Servers { amqp, database } => {
            line(&format!("on {amqp}"))?;
            line(&format!("and {database}"))?;
            line("in a namespace and a schema of its own, removed at the end")
        }
        Backend::Embedded { .. } => {
            line("on a temporary SQLite file, which also holds the queue")?;
            line("(with AMQP_URL and DATABASE_URL set: on RabbitMQ and PostgreSQL)")
        }
    }
}

/// Prints a heading.
pub fn heading(text: &str) -> print::Result {
    line("")?;
    line(&style(text).bold().to_string())?;
    line(&"─".repeat(text.chars().count()))
}

/// Prints a step before it is played, with its command.
pub fn step(number: usize, step: &Step) -> print::Result {
    heading(&format!("{number}. {}", step.title))?;
    line(step.why)?;
    let body = String::from_utf8_lossy(&step.command.to_json()).into_owned();
    arrowed(
        &format!("{} →", step.command.origin().as_str()),
        &body,
        |line| line,
    )
}

/// Prints the outcome of a step.
pub fn outcome(outcome: &Outcome) -> print::Result {
    let summary = publish::summary(outcome);
    // Lines are coloured after wrapping, because wrapping counts characters.
    let colour = |line: String| match &outcome.error {
        None => style(line).green().to_string(),
        Some(_) => style(line).yellow().to_string(),
    };
    arrowed("outcome ←", &summary, colour)
}

/// Prints a text behind an arrow, in lines of at most [`WIDTH`] columns.
fn arrowed(arrow: &str, text: &str, colour: impl Fn(String) -> String) -> print::Result {
    let mut arrow = format!("  {arrow:>9} ");
    let indent = " ".repeat(arrow.chars().count());
    for part in wrapped(text, WIDTH - indent.len()) {
        line(&format!("{arrow}{}", colour(part.trim_end().to_owned())))?;
        arrow.clone_from(&indent);
    }
    Ok(())
}

/// Prints the answer to the balance query.
pub fn balance(balance: &BalanceResult) -> print::Result {
    heading("6. The app queries the balance of Ada through the queue")?;
    line(&format!(
        "  {} available; earned {}, spent {}",
        show::credits(balance.available_credits),
        show::credits(balance.total_earned),
        show::credits(balance.total_spent)
    ))
}

/// Prints the next commands to try.
pub fn next(backend: &Backend) -> print::Result {
    let program = std::env::args().next().unwrap_or_default();
    let built_here = program.contains("target/debug/") || program.contains("target/release/");
    let scrip = if built_here { "cargo run --" } else { "scrip" };
    heading("Next")?;
    line(&format!("  {scrip} run"))?;
    line("      a worker; without server URLs on one SQLite file")?;
    line(&format!(
        "  {scrip} publish grant --user ada --reason registration_bonus --wait"
    ))?;
    line("      from another terminal")?;
    line(&format!("  {scrip} balance ada      {scrip} --help"))?;
    if let Backend::Embedded { .. } = backend {
        line("  AMQP_URL=amqp://… DATABASE_URL=postgres://… before any of them")?;
        line("      the same on RabbitMQ and PostgreSQL (docker-compose.yml has both)")?;
    }
    Ok(())
}

/// Splits a text into lines of at most `width` columns, after commas.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive(',') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + part.chars().count() <= width => {
                last.push_str(part);
            }
            _ => lines.push(part.trim_start().to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_json_is_split_after_commas_and_keeps_its_text() {
        let json =
            r#"{"type":"consume","referenceId":"a","userId":"b","service":"c","quantity":5}"#;
        let lines = wrapped(json, 30);
        assert_eq!(lines.concat(), json);
        assert!(
            lines.len() > 2 && lines.iter().all(|line| line.len() <= 30),
            "{lines:?}"
        );
    }
}
