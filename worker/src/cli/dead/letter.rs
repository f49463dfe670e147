//! A dead letter as text.

use chrono::{DateTime, Utc};

use crate::{
    cli::{
        print::{self, escape, escape_lines},
        show,
    },
    dead_letters::DeadLetter,
};

/// The row of a dead letter in the list.
pub fn row(letter: &DeadLetter) -> [String; 8] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        text(&letter.reference_id),
        text(&letter.kind),
        text(&letter.user_id),
        text(&letter.sender),
        letter.reason.clone(),
        letter.attempts.to_string(),
        letter.last_seen.map(show::instant).unwrap_or_default(),
        letter.error.as_deref().map(first_words).unwrap_or_default(),
    ]
}

/// The beginning of an error that fits into a row.
fn first_words(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_CHARS - 1).chain(['…']).collect()
}

/// Prints all fields of a dead letter.
pub fn describe(letter: &DeadLetter) -> print::Result {
    let at = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339());
    let cut = letter.cut.as_ref();
    for (name, value) in [
        ("reference", letter.reference_id.clone()),
        ("type", letter.kind.clone()),
        ("user", letter.user_id.clone()),
        ("sender", letter.sender.clone()),
        ("reason", Some(letter.reason.clone())),
        ("field", letter.field.clone()),
        ("error", letter.error.clone()),
        ("attempts", Some(letter.attempts.to_string())),
        ("received", at(letter.first_seen)),
        ("dead since", at(letter.last_seen)),
        (
            "origin",
            letter.origin.map(|origin| origin.as_str().to_owned()),
        ),
        (
            "length",
            cut.map(|cut| format!("{} bytes, only the beginning is kept", cut.body_length)),
        ),
        ("sha-256", cut.map(|cut| cut.body_sha256.clone())),
    ] {
        if let Some(value) = value {
            print::line(&format!("{name:<11}{}", escape(&value)))?;
        }
    }
    print::line(&format!(
        "body       {}\n",
        escape_lines(&String::from_utf8_lossy(&letter.body))
    ))
}
