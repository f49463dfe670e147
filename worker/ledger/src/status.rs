//! The name of a subscription's status in the database, and what it means for the periods.

pub use scrip_types::SubscriptionStatus;
use strum::VariantArray;

use crate::rules::Rules;

/// The name of `status` in the database: the name on the wire in upper case.
pub fn stored_name(status: SubscriptionStatus) -> String {
    status.as_str().to_ascii_uppercase()
}

/// The status with this name in the database.
pub fn from_stored_name(name: &str) -> Option<SubscriptionStatus> {
    let mut all = SubscriptionStatus::VARIANTS.iter().copied();
    all.find(|status| stored_name(*status) == name)
}

/// Whether `status` alone means that the subscription runs.
pub(crate) const fn runs(status: SubscriptionStatus, rules: &Rules) -> bool {
    match status {
        SubscriptionStatus::Active => true,
        SubscriptionStatus::Trialing => rules.trial_grants,
        SubscriptionStatus::PastDue
        | SubscriptionStatus::Paused
        | SubscriptionStatus::Canceled
        | SubscriptionStatus::Expired => false,
    }
}

/// Whether periods that start later are not granted.
pub(crate) const fn is_over(status: SubscriptionStatus) -> bool {
    use SubscriptionStatus::{Canceled, Expired, Paused};
    matches!(status, Paused | Canceled | Expired)
}
