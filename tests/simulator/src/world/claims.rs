//! Payments that are refunded or disputed, and what support does about it.

use std::collections::VecDeque;

use super::Today;
use crate::message::{Extent, Request, Target};

/// The number of payments and gifts that may be taken back.
const REMEMBERED: usize = 5;

/// The claims about a user's payments and gifts.
#[derive(Debug, Default)]
pub struct Claims {
    /// The last payments: reference, payment, and the cents that were paid.
    payments: VecDeque<(String, String, Option<i64>)>,
    /// The references of the last gifts.
    gifts: VecDeque<String>,
    /// The disputes that are not decided: the day of the decision, and the revocation.
    disputes: Vec<(i64, String)>,
}

impl Claims {
    pub fn bought(&mut self, reference: String, payment: String, cents: Option<i64>) {
        self.payments.push_back((reference, payment, cents));
        if self.payments.len() > REMEMBERED {
            self.payments.pop_front();
        }
    }

    pub fn given(&mut self, reference: String) {
        self.gifts.push_back(reference);
        if self.gifts.len() > REMEMBERED {
            self.gifts.pop_front();
        }
    }

    /// Simulates one day.
    pub fn live(&mut self, name: &str, today: &mut Today<'_>) {
        if !self.payments.is_empty() && today.rng.chance(90) {
            self.is_refunded(name, today);
        }
        if !self.payments.is_empty() && today.rng.chance(60) {
            self.is_disputed(name, today);
        }
        if !self.gifts.is_empty() && today.rng.chance(25) {
            self.loses_a_gift(name, today);
        }
        let decided = |(day, _): &mut (i64, String)| *day <= today.day;
        let decided: Vec<_> = self.disputes.extract_if(.., decided).collect();
        for (_, revocation) in decided {
            Self::is_decided(name, &revocation, today);
        }
        if today.rng.chance(20) {
            let at = today.instant();
            let amount = today.rng.chance(5_000).then(|| today.rng.about(20));
            today.happens(name, at, Request::Forgive(amount));
        }
    }

    fn payment(&self, today: &mut Today<'_>) -> (String, String, Option<i64>) {
        let last = i64::try_from(self.payments.len() - 1).expect("few");
        let nth = usize::try_from(today.rng.between(0, last)).expect("small");
        self.payments[nth].clone()
    }

    /// The provider reports what was refunded so far. It is more than before, or the same again.
    fn is_refunded(&self, name: &str, today: &mut Today<'_>) {
        let at = today.instant();
        let (reference, payment, cents) = self.payment(today);
        let extent = match today.rng.between(0, 9) {
            0..7 => Extent::Refunded(today.rng.between(0, cents.unwrap_or(5_000) * 11 / 10)),
            7 | 8 => Extent::Percent(today.rng.between(1, 100)),
            _ => Extent::Credits(today.rng.about(60)),
        };
        let target = if today.rng.chance(7_000) {
            Target::Payment(payment)
        } else {
            Target::Reference(reference)
        };
        today.happens(name, at, Request::Revoke { target, extent });
    }

    fn is_disputed(&mut self, name: &str, today: &mut Today<'_>) {
        let at = today.instant();
        let (_, payment, _) = self.payment(today);
        let request = Request::Revoke {
            target: Target::Payment(payment),
            extent: Extent::All,
        };
        let revocation = today.happens(name, at, request);
        let day = today.day + today.rng.between(2, 40);
        self.disputes.push((day, revocation));
    }

    fn loses_a_gift(&self, name: &str, today: &mut Today<'_>) {
        let at = today.instant();
        let last = i64::try_from(self.gifts.len() - 1).expect("few");
        let nth = usize::try_from(today.rng.between(0, last)).expect("small");
        let extent = match today.rng.between(0, 3) {
            0 => Extent::All,
            1 => Extent::Credits(today.rng.about(20)),
            2 => Extent::Refunded(100),
            _ => Extent::Percent(today.rng.between(1, 100)),
        };
        let target = Target::Reference(self.gifts[nth].clone());
        today.happens(name, at, Request::Revoke { target, extent });
    }

    /// A dispute that was won is reinstated, sometimes twice. After one that was lost, support may
    /// forgive the debt.
    fn is_decided(name: &str, revocation: &str, today: &mut Today<'_>) {
        let at = today.instant();
        if !today.rng.chance(6_000) {
            if today.rng.chance(3_000) {
                today.happens(name, at, Request::Forgive(None));
            }
            return;
        }
        let times = if today.rng.chance(1_000) { 2 } else { 1 };
        for _ in 0..times {
            let of = revocation.to_owned();
            today.happens(name, at, Request::Reinstate { of });
        }
    }
}
