//! `[registration]`: the bonus and the plan of a new user.

use ledger::{MAX_AMOUNT, Rules};
use toml::Table;

use super::{section::Section, validity};

const NO_PLAN: &str = "none";

/// The bonus and the plan of a new user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Credits of the registration bonus.
    pub credits: i64,
    /// Days until the bonus expires. `None`: never.
    pub validity_days: Option<i64>,
    /// The plan of every registered user without another subscription. `None`: no plan.
    pub plan: Option<String>,
}

impl Default for Registration {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            credits: rules.registration.credits,
            validity_days: rules.registration.validity_days,
            plan: rules.free_plan,
        }
    }
}

impl Registration {
    /// Reads the section. The plan must be one of `plans`.
    pub(super) fn read(section: Section<'_>, plans: &[&str]) -> Self {
        let default = Self::default();
        let known = |plan: &String| plans.contains(&plan.as_str());
        let plan = match section.text("plan") {
            None => default.plan.filter(known),
            Some(plan) if plan == NO_PLAN => None,
            Some(plan) if known(&plan) => Some(plan),
            Some(plan) => {
                let allowed = format!("\"{NO_PLAN}\" or one of the plans: {}", plans.join(", "));
                section.wrong("plan", format!("{plan:?}"), allowed, None)
            }
        };
        let read = Self {
            credits: section.integer("credits", 0..=MAX_AMOUNT, default.credits),
            validity_days: validity::optional(&section, "never", default.validity_days),
            plan,
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let plan = self.plan.as_deref().unwrap_or(NO_PLAN);
        let mut table = Table::from_iter([
            ("credits".to_owned(), self.credits.into()),
            ("plan".to_owned(), plan.into()),
        ]);
        validity::show(&mut table, self.validity_days, "never");
        table
    }
}
