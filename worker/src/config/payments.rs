//! `[payments]`: the webhooks of payment providers. A provider without a secret is off.

use std::time::Duration;

use toml::{Table, Value};

use super::{Secret, duration, section::Section};

/// The settings of all providers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payments {
    pub stripe: Stripe,
    pub creem: Creem,
}

/// The webhook of Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripe {
    /// Secrets of the endpoint; any of them may have signed. None: the webhook is off.
    pub secrets: Vec<Secret>,
    /// Maximum age of a signature.
    pub tolerance: Duration,
    /// Whether a dispute that withdraws funds also freezes the wallet.
    pub freeze_on_dispute: bool,
}

/// The webhook of Creem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creem {
    /// Secrets of the webhook; any of them may have signed. None: the webhook is off.
    pub secrets: Vec<Secret>,
    /// Whether objects of the test mode are credited.
    pub allow_test_mode: bool,
    /// Whether a dispute also freezes the wallet.
    pub freeze_on_dispute: bool,
}

impl Default for Stripe {
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            tolerance: Duration::from_mins(5),
            freeze_on_dispute: false,
        }
    }
}

impl Payments {
    /// Whether a webhook is served.
    pub const fn is_on(&self) -> bool {
        !self.stripe.secrets.is_empty() || !self.creem.secrets.is_empty()
    }

    pub(super) fn read(section: Section<'_>) -> Self {
        let (stripe, creem) = (section.section("stripe"), section.section("creem"));
        let read = Self {
            stripe: Stripe {
                secrets: secrets(&stripe),
                tolerance: stripe.duration(
                    "tolerance",
                    Duration::from_secs(1)..=Duration::from_hours(1),
                    Stripe::default().tolerance,
                ),
                freeze_on_dispute: stripe.boolean("freeze_on_dispute", false),
            },
            creem: Creem {
                secrets: secrets(&creem),
                allow_test_mode: creem.boolean("allow_test_mode", false),
                freeze_on_dispute: creem.boolean("freeze_on_dispute", false),
            },
        };
        stripe.finish();
        creem.finish();
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let tolerance = duration::format(self.stripe.tolerance);
        let mut stripe = Table::from_iter([
            ("tolerance".to_owned(), tolerance.into()),
            (
                "freeze_on_dispute".to_owned(),
                self.stripe.freeze_on_dispute.into(),
            ),
        ]);
        let mut creem = Table::from_iter([
            (
                "allow_test_mode".to_owned(),
                self.creem.allow_test_mode.into(),
            ),
            (
                "freeze_on_dispute".to_owned(),
                self.creem.freeze_on_dispute.into(),
            ),
        ]);
        for (table, secrets) in [
            (&mut stripe, &self.stripe.secrets),
            (&mut creem, &self.creem.secrets),
        ] {
            if !secrets.is_empty() {
                table.insert("secrets".to_owned(), "***".into());
            }
        }
        Table::from_iter([
            ("stripe".to_owned(), Value::Table(stripe)),
            ("creem".to_owned(), Value::Table(creem)),
        ])
    }
}

/// Secrets as a list, or as one text with spaces, commas or line ends between them. They are never
/// shown, also if they are wrong.
fn secrets(section: &Section<'_>) -> Vec<Secret> {
    let found: Option<Vec<String>> = match section.value("secrets") {
        None => return Vec::new(),
        Some(Value::String(text)) => {
            let parts = text.split(|mark: char| mark.is_whitespace() || mark == ',');
            Some(
                parts
                    .filter(|part| !part.is_empty())
                    .map(ToOwned::to_owned)
                    .collect(),
            )
        }
        Some(Value::Array(list)) => list
            .iter()
            .map(|secret| secret.as_str().map(ToOwned::to_owned))
            .collect(),
        Some(_) => None,
    };
    let is_secret = |secret: &String| (16..=1024).contains(&secret.len());
    match found {
        Some(texts) if (1..=10).contains(&texts.len()) && texts.iter().all(is_secret) => {
            texts.into_iter().map(Secret::new).collect()
        }
        _ => {
            let allowed = "1 to 10 texts of 16 to 1024 bytes each, as a list or with commas";
            section.wrong("secrets", "not a list of secrets", allowed, Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{load, problems};

    #[test]
    fn several_secrets_are_read_and_never_shown() {
        let two = "whsec_0123456789abcdef,whsec_fedcba9876543210";
        let settings = load("", &[("SCRIP_STRIPE_SECRETS", two)]).expect("valid");
        assert_eq!(settings.payments.stripe.secrets.len(), 2);
        let shown = format!("{settings:?} {:?}", settings.show());
        assert!(!shown.contains("whsec"), "{shown}");
        let found = problems("", &[("SCRIP_CREEM_SECRETS", "whsec_short")]);
        assert!(found[0].contains("1 to 10 texts of 16"), "{found:?}");
        assert!(!found[0].contains("whsec_short"), "{found:?}");
    }

    #[test]
    fn a_price_id_stands_for_one_package_or_plan() {
        let file = "[plans.pro]\ncredits = 5\nvalidity = \"period\"\nprice_ids = [\"p\"]\n\
                    [packages.a]\ncredits = 5\nvalidity = \"never\"\nprice_ids = [\"q\", \"p\"]";
        let found = problems(file, &[]);
        assert!(
            found[0].starts_with("`plans.pro.price_ids` is \"p\", which is also in `packages.a"),
            "{found:?}"
        );
    }
}
