//! `[logging]`: the filter and the format of the log. `RUST_LOG` sets the filter.

use toml::Table;
use tracing_subscriber::EnvFilter;

use super::section::Section;

/// The filter and the format of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// Filter of the logged events. `None`: the default of each command.
    pub filter: Option<String>,
    pub format: LogFormat,
}

/// The format of a log event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Human,
    /// One JSON object per line, for machines.
    Json,
}

impl Logging {
    pub(super) fn read(section: Section<'_>) -> Self {
        let words = [("human", LogFormat::Human), ("json", LogFormat::Json)];
        let filter = section.text("filter").and_then(|text| {
            if EnvFilter::try_new(&text).is_ok() {
                return Some(text);
            }
            let allowed = "a filter such as \"info\" or \"warn,scrip=debug\"";
            section.wrong("filter", format!("{text:?}"), allowed, None)
        });
        let read = Self {
            filter,
            format: section.word("format", &words, LogFormat::default()),
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let format = match self.format {
            LogFormat::Human => "human",
            LogFormat::Json => "json",
        };
        let mut table = Table::from_iter([("format".to_owned(), format.into())]);
        if let Some(filter) = &self.filter {
            table.insert("filter".to_owned(), filter.clone().into());
        }
        table
    }
}
