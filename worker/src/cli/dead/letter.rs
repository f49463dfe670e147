//! How a dead letter is shown to people.

use chrono::{DateTime, Utc};

use crate::{
    cli::{
        print::{self, escape, escape_lines},
        show,
    },
    dead::Letter,
};

/// As a row of the list.
pub fn row(letter: &Letter) -> [String; 8] {
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

/// As much of an error as fits into a line.
fn first_words(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST - 1).chain(['…']).collect()
}

/// With everything that is known of it.
pub fn describe(letter: &Letter) -> print::Result {
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
        ("first seen", at(letter.first_seen)),
        ("set aside", at(letter.last_seen)),
        ("door", letter.door.map(|door| door.as_str().to_owned())),
        (
            "length",
            cut.map(|cut| format!("{} bytes, of which the first stand here", cut.body_length)),
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
