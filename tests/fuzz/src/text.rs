//! The fuzz target for small texts from outside: configuration keys, cursors, amounts of money and
//! namespaces.
//!
//! Each line is a text of its own. A line with `=` is also a key and a value of the configuration.

use producer_sdk::contract::{AmountPaid, Topology};
use scrip::{
    config::{ConfigError, Environment, Settings},
    read::Cursor,
};

/// The maximum number of lines. Further lines are ignored.
const MOST: usize = 40;

/// Parses every line as every type of text.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = || text.lines().take(MOST);
    for line in lines() {
        cursor(line);
        amount(line);
        namespace(line);
    }
    let keys = lines().filter_map(|line| line.split_once('='));
    let variables = keys.map(|(key, value)| {
        (
            format!("SCRIP__{}", key.replace('.', "__")),
            value.to_owned(),
        )
    });
    configuration(&variables.collect());
}

fn cursor(line: &str) {
    if let Ok(cursor) = line.parse::<Cursor>() {
        let text = cursor.to_string();
        let again: Cursor = text.parse().expect("a cursor that was written");
        assert_eq!(again.to_string(), text);
    }
}

fn amount(line: &str) {
    match line.parse::<AmountPaid>() {
        Ok(paid) => {
            assert_eq!(AmountPaid::from_micros(paid.micros()), Some(paid));
            assert_eq!(paid.to_string().parse(), Ok(paid));
        }
        Err(rejection) => assert_eq!(rejection.field.as_deref(), Some("amountPaid")),
    }
}

fn namespace(line: &str) {
    let shards = u32::try_from(line.len()).unwrap_or(u32::MAX);
    let Ok(topology) = Topology::new(line, shards) else {
        return;
    };
    assert_eq!(
        topology.queues().len(),
        usize::try_from(shards).expect("few") + 6
    );
    for exchange in topology.exchanges() {
        // A name on the broker has at most 255 bytes.
        assert!(exchange.name.len() <= 255 && exchange.name.starts_with(line));
    }
}

/// Panics unless the configuration is either valid and can be shown, or every problem is described.
fn configuration(environment: &Environment) {
    match Settings::load(None, environment) {
        Ok(settings) => {
            let rules = settings.rules();
            assert!(rules.plans.values().all(|plan| plan.credits >= 0));
            assert!(rules.prices.values().all(|price| price.total(1).is_some()));
            let catalog = settings.catalog();
            assert_eq!(catalog.packages.len(), rules.packages.len());
            assert!(!settings.show().to_string().is_empty());
        }
        Err(ConfigError::Wrong(problems)) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(
                    !problem.found.is_empty() && !problem.allowed.is_empty(),
                    "{problem:?}"
                );
            }
        }
        Err(error) => panic!("no file was requested: {error}"),
    }
}
