//! The validity of credits: `validity_days = 30`, or a word in `validity`.

use producer_sdk::contract::MAX_VALIDITY_DAYS;
use toml::Table;

use super::section::Section;

/// The validity in a section.
enum Given {
    Days(Option<i64>),
    Word,
    Nothing,
}

/// Reads the days. `None` for the word. If neither is set, that is a problem.
pub(super) fn required(section: &Section<'_>, word: &str) -> Option<i64> {
    match given(section, word) {
        Given::Days(days) => days,
        Given::Word => None,
        Given::Nothing => {
            let allowed = format!(
                "a whole number from 1 to {MAX_VALIDITY_DAYS}, or `validity = \"{word}\"` instead"
            );
            section.wrong("validity_days", "missing", allowed, None)
        }
    }
}

/// Reads the days. `None` for the word. If neither is set, returns `default`.
pub(super) fn optional(section: &Section<'_>, word: &str, default: Option<i64>) -> Option<i64> {
    match given(section, word) {
        Given::Days(days) => days,
        Given::Word => None,
        Given::Nothing => default,
    }
}

fn given(section: &Section<'_>, word: &str) -> Given {
    let days = section.optional_integer("validity_days", 1..=MAX_VALIDITY_DAYS);
    let text = section.text("validity");
    match (section.has("validity_days"), text) {
        (true, None) => Given::Days(days),
        (true, Some(_)) => section.wrong(
            "validity",
            "set together with `validity_days`",
            "one of the two",
            Given::Word,
        ),
        (false, None) => Given::Nothing,
        (false, Some(text)) if text == word => Given::Word,
        (false, Some(text)) => section.wrong(
            "validity",
            format!("{text:?}"),
            format!("\"{word}\""),
            Given::Word,
        ),
    }
}

pub(super) fn show(table: &mut Table, days: Option<i64>, word: &str) {
    match days {
        Some(days) => table.insert("validity_days".to_owned(), days.into()),
        None => table.insert("validity".to_owned(), word.into()),
    };
}
