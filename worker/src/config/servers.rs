//! `[amqp]`: where the broker is. `AMQP_URL` sets the URL.

use toml::Table;

use super::{secret::SecretUrl, section::Section};

/// Reads the only key of the section.
pub(super) fn read(section: Section<'_>, schemes: &[&str]) -> Option<SecretUrl> {
    let url = section.url("url", schemes);
    section.finish();
    url
}

pub(super) fn show(url: Option<&SecretUrl>) -> Table {
    url.map(|url| ("url".to_owned(), url.to_string().into()))
        .into_iter()
        .collect()
}
