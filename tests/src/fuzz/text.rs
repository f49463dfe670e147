//! Small texts from outside: keys of the configuration, cursors, amounts of money, namespaces.
//!
//! Each line is `key=value` of a configuration, or a text of its own.

use producer_sdk::contract::{AmountPaid, Topology};
use scrip::{
    config::{ConfigError, Environment, Settings},
    read::Cursor,
};

/// Further lines are not read.
const MOST: usize = 40;

/// Reads every line as everything that it can be.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = || text.lines().take(MOST);
    for line in lines() {
        cursor(line);
        amount(line);
        namespace(line);
    }
    let keys = lines().filter_map(|line| line.split_once('='));
    let variables = keys.map(|(key, value)| (format!("SCRIP__{}", key.replace('.', "__")), value.to_owned()));
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
    assert_eq!(topology.queues().len(), usize::try_from(shards).expect("few") + 5);
    for exchange in topology.exchanges() {
        // A name on the broker has 255 bytes at most.
        assert!(exchange.name.len() <= 255 && exchange.name.starts_with(line));
    }
}

/// Every problem is named; what is accepted can be used and shown.
fn configuration(environment: &Environment) {
    match Settings::load(None, environment) {
        Ok(settings) => {
            let rules = settings.rules();
            assert!(rules.plans.values().all(|plan| plan.credits >= 0));
            assert!(rules.prices.values().all(|price| price.of(1).is_some()));
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
        Err(error) => panic!("no file was asked for: {error}"),
    }
}
