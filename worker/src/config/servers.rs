//! `[amqp]`: the URL of the broker (set by `AMQP_URL`), and whether messages name their sender.

use toml::Table;

use super::{secret::SecretUrl, section::Section};

/// Reads the section: the URL, and whether messages name their sender.
pub(super) fn read(section: Section<'_>) -> (Option<SecretUrl>, bool) {
    let url = section.url("url", &["amqp", "amqps"]);
    let name_sender = section.boolean("name_sender", true);
    section.finish();
    (url, name_sender)
}

pub(super) fn show(url: Option<&SecretUrl>, name_sender: bool) -> Table {
    let url = url.map(|url| ("url".to_owned(), url.to_string().into()));
    let name_sender = ("name_sender".to_owned(), name_sender.into());
    url.into_iter().chain([name_sender]).collect()
}
