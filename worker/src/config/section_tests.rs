//! Tests of sections: schedule, subscriptions, plans, packages, senders.

use chrono::{NaiveTime, TimeDelta};
use ledger::{Plan, References};

use super::{
    Schedule,
    tests::{load, problems},
};

fn plan(enabled: bool, credits: i64, validity_days: Option<i64>) -> Plan {
    Plan {
        enabled,
        credits,
        validity_days,
    }
}

/// Conformance: Scheduler and jobs: The time of each job is configurable, and each job can be
/// turned off
#[test]
fn a_job_is_scheduled_at_a_time_of_day_or_off() {
    let settings = load(
        "[schedule]\ngrant = \"23:59\"\nexpire = \"off\"",
        &[("SCRIP__SCHEDULE__VERIFY", "00:30")],
    )
    .expect("valid");
    let expected = Schedule {
        grant: NaiveTime::from_hms_opt(23, 59, 0),
        expire: None,
        verify: NaiveTime::from_hms_opt(0, 30, 0),
    };
    assert_eq!(settings.schedule, expected);
    assert_eq!(
        load(&settings.show().to_string(), &[]).expect("valid"),
        settings
    );
}

/// Conformance: Scheduler and jobs: The time of each job is configurable, and each job can be
/// turned off
#[test]
fn a_wrong_time_of_day_is_reported() {
    for time in [
        "25:00", "24:00", "04:60", "4:00", "0400", "04:00:00", "noon", "OFF",
    ] {
        let found = problems(&format!("[schedule]\ngrant = \"{time}\""), &[]);
        let expected = format!(
            "`schedule.grant` is \"{time}\"; allowed is a time of the day in UTC such as \
             \"04:00\", or \"off\""
        );
        assert_eq!(found, [expected]);
    }
    let expected = [
        "`schedule.verify` is 5; allowed is a text in quotes",
        "`schedule.report` is an unknown key; allowed is one of expire, grant, verify",
    ];
    assert_eq!(
        problems("[schedule]\nverify = 5\nreport = \"06:00\"", &[]),
        expected
    );
}

#[test]
fn trials_wait_and_late_payments_have_a_grace_period_if_configured() {
    let of = |text: &str| load(text, &[]).expect("valid").rules();
    let rules = of("[subscriptions]\ntrial = \"wait\"\npast_due_grace = \"90d\"");
    assert!(!rules.trial_grants);
    assert_eq!(rules.past_due_grace, TimeDelta::days(90));
    let rules = of("[subscriptions]\ntrial = \"grant\"\npast_due_grace = \"0s\"");
    assert!(rules.trial_grants);
    assert_eq!(rules.past_due_grace, TimeDelta::zero());
    let expected = [
        "`subscriptions.trial` is \"maybe\"; allowed is \"grant\" or \"wait\"",
        "`subscriptions.past_due_grace` is \"91d\"; allowed is a number with a unit \
         (ms, s, m, h, d) in quotes, from \"0ms\" to \"90d\"",
    ];
    assert_eq!(
        problems(
            "[subscriptions]\ntrial = \"maybe\"\npast_due_grace = \"91d\"",
            &[]
        ),
        expected
    );
}

/// Conformance: Configuration and command line: The configuration file alone can define all plans
/// and packages
#[test]
fn plans_in_the_file_are_the_whole_list() {
    let settings = load(
        "[plans.team]\ncredits = 900\nvalidity = \"period\"\n\
         [plans.intro]\nenabled = false\ncredits = 0\nvalidity_days = 7",
        &[],
    )
    .expect("valid");
    let rules = settings.rules();
    let expected = [
        ("team".to_owned(), plan(true, 900, None)),
        ("intro".to_owned(), plan(false, 0, Some(7))),
    ];
    assert_eq!(rules.plans, expected.into());
    assert_eq!(
        rules.free_plan, None,
        "the built-in plan of new users is gone"
    );
    assert_eq!(
        load(&settings.show().to_string(), &[]).expect("valid"),
        settings
    );
    let found = problems(
        "[registration]\nplan = \"free\"\n[plans.team]\ncredits = 900\nvalidity_days = 7",
        &[],
    );
    assert_eq!(
        found,
        ["`registration.plan` is \"free\"; allowed is \"none\" or one of the plans: team"]
    );
}

/// Conformance: Configuration and command line: The configuration file alone can define all plans
/// and packages
#[test]
fn the_environment_adds_a_plan_changes_one_and_switches_one_off() {
    let settings = load(
        "",
        &[
            ("SCRIP__PLANS__TEAM__CREDITS", "900"),
            ("SCRIP__PLANS__TEAM__VALIDITY", "period"),
            ("SCRIP__PLANS__PRO__CREDITS", "300"),
            ("SCRIP__PLANS__FREE__ENABLED", "false"),
        ],
    )
    .expect("valid");
    let expected = [
        ("team".to_owned(), plan(true, 900, None)),
        ("pro".to_owned(), plan(true, 300, Some(30))),
        ("free".to_owned(), plan(false, 10, Some(30))),
    ];
    assert_eq!(settings.rules().plans, expected.into());
    assert_eq!(settings.rules().free_plan.as_deref(), Some("free"));
}

#[test]
fn all_problems_of_plans_are_reported() {
    let found = problems(
        "[plans.a]\ncredits = 1\nvalidity = \"period\"\nvalidity_days = 3\n\
         [plans.b]\ncredits = 1\nvalidity = \"never\"\n[plans.c]\nvalidity_days = 0\n\
         [plans.d]\ncredits = -1\nenabled = \"no\"",
        &[],
    );
    let expected = [
        "`plans.a.validity` is set together with `validity_days`; allowed is one of the two",
        "`plans.b.validity` is \"never\"; allowed is \"period\"",
        "`plans.c.credits` is missing; allowed is a whole number from 0 to 1000000000000000",
        "`plans.c.validity_days` is 0; allowed is a whole number from 1 to 36500",
        "`plans.d.enabled` is \"no\"; allowed is true or false",
        "`plans.d.credits` is -1; allowed is a whole number from 0 to 1000000000000000",
        "`plans.d.validity_days` is missing; allowed is a whole number from 1 to 36500, or \
         `validity = \"period\"` instead",
    ];
    assert_eq!(found, expected);
}

/// Conformance: Configuration and command line: The configuration file alone can define all plans
/// and packages
#[test]
fn packages_in_the_file_are_the_whole_list_and_disabled_ones_are_still_known() {
    let settings = load(
        "[packages.tiny]\ncredits = 5\nvalidity = \"never\"\n\
         [packages.lite]\nenabled = false\ncredits = 100\nprice = \"4.50\"\ncurrency = \"EUR\"\n\
         validity_days = 9",
        &[],
    )
    .expect("valid");
    let catalog = settings.catalog();
    let for_sale = catalog.for_sale();
    let [tiny] = for_sale.as_slice() else {
        panic!("{for_sale:?}");
    };
    assert_eq!((tiny.id.as_str(), tiny.credits, tiny.bonus), ("tiny", 5, 0));
    assert_eq!(
        (tiny.validity_days, &tiny.price, &tiny.currency),
        (None, &None, &None)
    );
    let lite = catalog.package(Some("lite"), None).expect("it is known");
    assert_eq!((lite.enabled, lite.item.validity_days), (false, Some(9)));
    assert_eq!(lite.item.price.as_deref(), Some("4.5"));
    assert_eq!(lite.item.currency.as_deref(), Some("EUR"));
    let rules = settings.rules();
    let names: Vec<&str> = rules.packages.keys().map(String::as_str).collect();
    assert_eq!(names, ["lite", "tiny"]);
}

#[test]
fn the_environment_adds_a_package_disables_one_and_sets_price_ids() {
    let settings = load(
        "",
        &[
            ("SCRIP__PACKAGES__TINY__CREDITS", "5"),
            ("SCRIP__PACKAGES__TINY__VALIDITY", "never"),
            ("SCRIP__PACKAGES__STANDARD__ENABLED", "false"),
            ("CREDIT_LITE_PRICE_ID", "price_a"),
            ("CREDIT_STANDARD_PRICE_ID", "price_b"),
            ("CREDIT_PRO_PRICE_ID", "price_c"),
            ("CREDIT_MAX_PRICE_ID", "price_d"),
        ],
    )
    .expect("valid");
    let catalog = settings.catalog();
    let items = catalog.for_sale();
    let for_sale: Vec<_> = items
        .iter()
        .map(|item| (item.id.as_str(), item.price_id.as_deref()))
        .collect();
    let expected = [
        ("tiny", None),
        ("lite", Some("price_a")),
        ("pro", Some("price_c")),
        ("max", Some("price_d")),
    ];
    assert_eq!(for_sale, expected);
    let standard = catalog.package(None, Some("price_b")).expect("it is known");
    assert_eq!(
        (standard.item.id.as_str(), standard.enabled),
        ("standard", false)
    );
}

#[test]
fn a_price_id_of_the_environment_overrides_the_file_and_creates_no_package() {
    let settings = load(
        "[packages.lite]\ncredits = 1\nvalidity = \"never\"\nprice_id = \"of_the_file\"",
        &[
            ("CREDIT_LITE_PRICE_ID", "of_the_environment"),
            ("CREDIT_MAX_PRICE_ID", "of_nothing"),
        ],
    )
    .expect("valid");
    let packages = settings.rules().packages;
    assert_eq!(packages.len(), 1);
    assert_eq!(
        packages["lite"].price_id.as_deref(),
        Some("of_the_environment")
    );
}

const SERVERS: [(&str, &str); 2] = [
    ("AMQP_URL", "amqp://localhost"),
    ("DATABASE_URL", "postgres://localhost/scrip"),
];

#[test]
fn senders_have_limits_and_their_own_references_if_configured() {
    let text = "[senders]\nrequired = true\nreferences = \"per_sender\"\n\
        [senders.limits.\"team.a\"]\nuser_prefixes = [\"a:\", \"b:\"]\n\
        [senders.limits.nothing]\nuser_prefixes = []\nservices = []\n";
    let settings = load(text, &SERVERS).expect("valid");
    assert_eq!(settings.rules().references, References::PerSender);
    let policy = &settings.senders.policy;
    assert!(policy.required);
    let limits = &policy.limits["team.a"];
    assert_eq!(
        limits.user_prefixes.as_deref(),
        Some(&["a:".to_owned(), "b:".to_owned()][..])
    );
    assert_eq!(limits.services, None, "any service");
    assert_eq!(
        policy.limits["nothing"].services,
        Some(Vec::new()),
        "none at all"
    );
    let shown = load(&settings.show().to_string(), &SERVERS[..0]).err();
    assert!(shown.is_none(), "the shown settings load: {shown:?}");
    assert_eq!(
        load("", &[]).expect("valid").rules().references,
        References::PerOrigin
    );
}

#[test]
fn wrong_limits_of_senders_are_reported() {
    let found = problems(
        "[senders]\nrequired = true\nreferences = \"global\"\n\
         [senders.limits.a]\nuser_prefixes = \"a:\"\nservices = [1]\nusers = []\n",
        &SERVERS,
    );
    let allowed = "a list of texts in quotes, such as [\"team-a:\"]";
    assert_eq!(
        found,
        [
            format!("`senders.limits.a.user_prefixes` is \"a:\"; allowed is {allowed}"),
            format!(
                "`senders.limits.a.services` is a list with other values than texts; allowed is \
                 {allowed}"
            ),
            "`senders.limits.a.users` is an unknown key; allowed is one of services, user_prefixes"
                .to_owned(),
            "`senders.references` is \"global\"; allowed is \"per_origin\" or \"per_sender\""
                .to_owned(),
        ]
    );
}

#[test]
fn limits_of_senders_require_that_commands_name_their_sender() {
    let found = problems("[senders.limits.a]\nservices = []\n", &SERVERS);
    assert_eq!(
        found,
        [
            "`senders.required` is false, but then a sender could avoid its limits by naming no \
             sender; allowed is true with `senders.limits`"
        ]
    );
}

#[test]
fn the_embedded_queue_refuses_limits_of_senders_that_it_cannot_enforce() {
    let found = problems("[senders]\nrequired = true\n", &[]);
    assert_eq!(
        found,
        [
            "`senders` is set for the embedded queue, which has no senders; allowed is a broker \
             (amqp.url and database.url), or the section `[senders]` with its defaults"
        ]
    );
}
