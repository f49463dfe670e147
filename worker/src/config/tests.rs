//! Tests of the configuration.

use std::{path::Path, time::Duration};

use ledger::{DebtPolicy, DefaultPrice, Price, Rules};

use super::{
    ConfigError, Debt, Environment, Health, Holds, Ledger, Refunds, Registration, Settings,
    Subscriptions,
};

pub(super) struct File(pub(super) std::path::PathBuf);

impl File {
    pub(super) fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("scrip-config-{}.toml", uuid::Uuid::now_v7()));
        std::fs::write(&path, text).expect("the temporary folder is writable");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(super) fn environment(pairs: &[(&str, &str)]) -> Environment {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// The settings from a file with `text` and these variables, without their origins.
pub(super) fn load(text: &str, pairs: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let file = File::new(text);
    let mut settings = Settings::load(Some(&file.0), &environment(pairs))?;
    settings.file = None;
    settings.origins.clear();
    Ok(settings)
}

/// The problems of a file with `text` and these variables.
pub(super) fn problems(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    match load(text, pairs) {
        Err(ConfigError::Wrong(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

/// The text of a file of the repository.
fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(path).expect("it is there")
}

/// Conformance: Configuration and command line: The built-in defaults are the classic credit table
#[test]
fn the_built_in_defaults_are_the_default_rules_of_the_core() {
    assert_eq!(Settings::default().rules(), Rules::default());
}

/// Conformance: Configuration and command line: The built-in defaults are the classic credit table
#[test]
fn an_empty_file_gives_the_built_in_defaults() {
    assert_eq!(load("", &[]).expect("valid"), Settings::default());
}

/// Conformance: Scheduler and jobs: By default the jobs run at 01:00 (`grant`), 04:00 (`expire`)
/// and 05:00 (`verify`) UTC
/// Conformance: Configuration and command line: `scrip.example.toml` equals the built-in defaults
#[test]
fn the_example_file_gives_the_built_in_defaults() {
    let example = load(&file("scrip.example.toml"), &[]).expect("valid");
    assert_eq!(example, Settings::default());
}

/// Conformance: Configuration and command line: The conservative and generous variants in
/// `scrip.example.toml` are valid
#[test]
fn the_conservative_and_the_generous_values_of_the_example_are_valid() {
    let example = file("scrip.example.toml");
    let conservative = Settings {
        ledger: Ledger {
            max_user_balance: 1000,
            max_lateness: Duration::from_hours(1),
            allow_free_user_purchase_packages: false,
            ..Ledger::default()
        },
        refunds: Refunds { grace_days: 1 },
        debt: Debt {
            policy: DebtPolicy::Block,
            freeze_on_debt: true,
        },
        registration: Registration {
            credits: 5,
            validity_days: Some(7),
            plan: None,
        },
        subscriptions: Subscriptions {
            trial_grants: false,
            ..Subscriptions::default()
        },
        holds: Holds {
            max_duration: Duration::from_mins(15),
        },
        ..Settings::default()
    };
    let generous = Settings {
        ledger: Ledger {
            max_user_balance: 100_000,
            max_lateness: Duration::from_hours(7 * 24),
            default_consumption: DefaultPrice::Price(Price {
                credits: 1,
                per: 10,
            }),
            ..Ledger::default()
        },
        refunds: Refunds { grace_days: 30 },
        debt: Debt {
            policy: DebtPolicy::Report,
            ..Debt::default()
        },
        registration: Registration {
            credits: 100,
            validity_days: None,
            ..Registration::default()
        },
        subscriptions: Subscriptions {
            past_due_grace: Duration::from_hours(7 * 24),
            ..Subscriptions::default()
        },
        holds: Holds {
            max_duration: Duration::from_hours(7 * 24),
        },
        ..Settings::default()
    };
    for (name, expected) in [("conservative", conservative), ("generous", generous)] {
        let text = file(&format!("worker/src/config/fixtures/{name}.toml"));
        assert_eq!(load(&text, &[]).expect("valid"), expected);
        let shown = expected.show().to_string();
        assert_eq!(load(&shown, &[]).expect("valid"), expected);
        for line in text.lines().filter(|line| line.contains(" = ")) {
            let longer = |rest: &str| rest.starts_with(char::is_alphanumeric);
            let mut rests = example
                .match_indices(line)
                .map(|(at, _)| &example[at + line.len()..]);
            assert!(
                rests.any(|rest| !longer(rest)),
                "the example does not contain {line}"
            );
        }
    }
}

/// Conformance: Configuration and command line: `scrip config check` and `config show` report the
/// source of the configuration and hide secrets
#[test]
fn shown_settings_load_as_the_same_settings() {
    let settings = load(
        "[ledger]\ndefault_consumption = { credits = 1, per = 7 }\n\
         [registration]\nvalidity = \"never\"\nplan = \"none\"\n\
         [prices]\n\"llm:tokens\" = { credits = 1, per = 1000 }\n\
         [worker]\nshards = 4\nprefer = [0, 3]",
        &[("CREDIT_PRO_PRICE_ID", "price_1")],
    )
    .expect("valid");
    assert_eq!(
        load(&settings.show().to_string(), &[]).expect("valid"),
        settings
    );
}

#[test]
fn health_has_no_endpoint_unless_an_address_is_configured() {
    assert_eq!(Settings::default().health.listen, None);
    let settings = load(
        "",
        &[
            ("SCRIP__HEALTH__LISTEN", "[::1]:9464"),
            ("SCRIP__HEALTH__MAX_LAG", "7"),
        ],
    );
    let settings = settings.expect("valid");
    let expected = Health {
        listen: Some("[::1]:9464".parse().expect("an address")),
        max_lag: Some(7),
    };
    assert_eq!(settings.health, expected);
    assert_eq!(
        load(&settings.show().to_string(), &[]).expect("valid"),
        settings
    );
    let found = problems("", &[("SCRIP__HEALTH__LISTEN", "127.0.0.1:0")]);
    assert!(
        found[0].starts_with("`health.listen` (set by SCRIP__HEALTH__LISTEN) is \"127.0.0.1:0\""),
        "{found:?}"
    );
}

/// Conformance: Amounts, time and spending order: A price is `2` or `{ credits, per }`; the cost is
/// exactly `ceil(quantity × credits / per)`
#[test]
fn a_price_may_be_for_many_units() {
    let settings = load(
        "[prices]\n\"llm:tokens\" = { credits = 1, per = 1000 }\nfree = 0",
        &[],
    )
    .expect("valid");
    let price = Price {
        credits: 1,
        per: 1000,
    };
    let expected = [
        ("free".to_owned(), Price::each(0)),
        ("llm:tokens".to_owned(), price),
    ];
    assert_eq!(settings.rules().prices, expected.into());
}

/// Conformance: Configuration and command line: Environment variables override the configuration
/// file, and can set price ids
#[test]
fn the_environment_overrides_the_file() {
    let settings = load(
        "namespace = \"file\"\n[ledger]\nmax_user_balance = 1\n[worker]\ndrain_timeout = \"1s\"",
        &[
            ("SCRIP_NAMESPACE", "123"),
            ("SCRIP__LEDGER__MAX_USER_BALANCE", "77"),
            ("SCRIP__LEDGER__DEFAULT_CONSUMPTION", "reject"),
            ("SCRIP__PRICES__LLM:TOKENS", "{ credits = 1, per = 1000 }"),
            ("SCRIP__WORKER__DRAIN_TIMEOUT", "90s"),
            ("CREDIT_LITE_PRICE_ID", "price_lite"),
        ],
    )
    .expect("valid");
    assert_eq!(settings.namespace, "123");
    assert_eq!(settings.worker.drain_timeout, Duration::from_secs(90));
    let rules = settings.rules();
    assert_eq!(rules.max_user_balance, 77);
    assert_eq!(rules.default_price, DefaultPrice::Reject);
    assert_eq!(rules.prices.len(), 5, "one more than the built-in prices");
    assert_eq!(
        rules.packages["lite"].price_id.as_deref(),
        Some("price_lite")
    );
}

/// Conformance: Configuration and command line: A wrong configuration stops the worker and reports
/// every wrong key at once, with found and allowed values
#[test]
fn all_problems_are_reported_at_once_with_key_found_and_allowed_values() {
    let found = problems(
        "namespace = \"Big Letters\"\nledgr = 1\n\
         [ledger]\nenabled = \"yes\"\nmax_user_balance = -1\ndefault_consumption = 1.5\n\
         [registration]\nplan = \"gold\"\n\
         [packages.tiny]\ncredits = 0\nprice = \"1,50\"\n\
         [prices]\nx = { credits = 1, per = 0 }\n\
         [worker]\nprefer = [1]\ndrain_timeout = 20\nclock_warn = \"2m\"\nclock_stop = \"90s\"\n\
         [health]\nlisten = \"localhost:80\"\nmax_lag = 0\n\
         [logging]\nformat = \"xml\"",
        &[
            ("SCRIP__DATABASE__MAX_CONNECTIONS", "many"),
            ("SCRIP__WORKER__SHARD", "2"),
        ],
    );
    let expected = [
        "`namespace` is \"Big Letters\"; allowed is 1 to 64 characters of a-z, 0-9, `.`, `_` and \
         `-`, without `.reply` at the end",
        "`packages.tiny.price` is \"1,50\"; allowed is a decimal number in quotes with at most 6 \
         decimals, such as \"9.99\"",
        "`packages.tiny.credits` is 0; allowed is a whole number from 1 to 1000000000000000",
        "`packages.tiny.validity_days` is missing; allowed is a whole number from 1 to 36500, or \
         `validity = \"never\"` instead",
        "`database.max_connections` (set by SCRIP__DATABASE__MAX_CONNECTIONS) is \"many\"; allowed \
         is a whole number from 1 to 1000",
        "`ledger.enabled` is \"yes\"; allowed is true or false",
        "`ledger.max_user_balance` is -1; allowed is a whole number from 0 to 1000000000000000",
        "`ledger.default_consumption` is 1.5; allowed is a whole number of credits from 0 to \
         1000000000000000, or { credits = 1, per = 1000 } or \"reject\"",
        "`registration.plan` is \"gold\"; allowed is \"none\" or one of the plans: free, pro",
        "`prices.x` is credits = 1, per = 0; allowed is a whole number of credits from 0 to \
         1000000000000000, or { credits = 1, per = 1000 }",
        "`worker.prefer` is [1]; allowed is a list of shards, each from 0 to 0",
        "`worker.drain_timeout` is 20; allowed is a number with a unit (ms, s, m, h, d) in quotes, \
         from \"1s\" to \"1h\"",
        "`worker.clock_stop` is \"90s\"; allowed is at least `worker.clock_warn`, \"2m\"",
        "`worker.shard` (set by SCRIP__WORKER__SHARD) is an unknown key; allowed is one of \
         clock_stop, clock_warn, drain_timeout, group_max, prefer, shards",
        "`health.max_lag` is 0; allowed is a whole number from 1 to 1000000000000",
        "`health.listen` is \"localhost:80\"; allowed is an IP address with a port in quotes, such \
         as \"127.0.0.1:9464\" or \"[::]:9464\"",
        "`logging.format` is \"xml\"; allowed is \"human\" or \"json\"",
        "`ledgr` is an unknown key; allowed is one of amqp, data_dir, database, debt, health, \
         holds, http, ledger, logging, namespace, packages, payments, plans, prices, recovery, \
         redis, refunds, registration, require_tls, schedule, senders, subscriptions, worker",
    ];
    assert_eq!(found, expected);
}

/// Conformance: Configuration and command line: `scrip config check` and `config show` report the
/// source of the configuration and hide secrets
#[test]
fn a_url_is_never_quoted_even_if_it_is_wrong() {
    let found = problems(
        "[database]\nurl = \"mysql://root:hunter2@db\"",
        &[("AMQP_URL", "hunter2")],
    );
    assert_eq!(
        found,
        [
            "`amqp.url` (set by AMQP_URL) is not a valid URL; allowed is a URL that begins with \
             amqp: or amqps:",
            "`database.url` is not a valid URL; allowed is a URL that begins with postgres: or \
             postgresql: or sqlite:",
        ]
    );
    let syntax =
        load("[database]\nurl = \"postgres://scrip:hunter2@db", &[]).expect_err("no closing quote");
    let shown = format!("{syntax}");
    assert!(
        shown.contains("line 2") && !shown.contains("hunter2"),
        "{shown}"
    );
    let good = load("", &[("DATABASE_URL", "postgres://scrip:hunter2@db/scrip")]).expect("valid");
    assert!(!format!("{good:?}{}", good.show()).contains("hunter2"));
}

#[test]
fn two_packages_cannot_share_a_price_id() {
    let pairs = [("CREDIT_LITE_PRICE_ID", "p"), ("CREDIT_MAX_PRICE_ID", "p")];
    let expected = "`packages.max.price_id` is \"p\", which is also in `packages.lite.price_id`; \
                    allowed is a price id of its own";
    assert_eq!(problems("", &pairs), [expected]);
}

/// Conformance: Embedded deployment: An environment variable that is set but empty stops every
/// command, and each such variable is named
#[test]
fn a_variable_that_is_set_but_empty_is_refused_by_name() {
    let found = problems(
        "",
        &[
            ("AMQP_URL", ""),
            ("DATABASE_URL", ""),
            ("REDIS_URL", ""),
            ("SCRIP_CONFIG", ""),
            ("SCRIP_DATA_DIR", ""),
            ("SCRIP_NAMESPACE", ""),
            ("SCRIP__LEDGER__ENABLED", ""),
            ("CREDIT_LITE_PRICE_ID", ""),
            // Other programs read this variable, too.
            ("RUST_LOG", ""),
            ("FOREIGN_VARIABLE", ""),
        ],
    );
    let refused = |key: &str, variable: &str| {
        format!(
            "`{key}`{variable} is empty; allowed is a value; without the variable, the file or the \
             default holds"
        )
    };
    let expected = [
        refused("amqp.url", " (set by AMQP_URL)"),
        refused("packages.lite.price_id", " (set by CREDIT_LITE_PRICE_ID)"),
        refused("database.url", " (set by DATABASE_URL)"),
        refused("redis.url", " (set by REDIS_URL)"),
        refused("SCRIP_CONFIG", ""),
        refused("data_dir", " (set by SCRIP_DATA_DIR)"),
        refused("namespace", " (set by SCRIP_NAMESPACE)"),
        refused("ledger.enabled", " (set by SCRIP__LEDGER__ENABLED)"),
    ];
    assert_eq!(found, expected);
}
