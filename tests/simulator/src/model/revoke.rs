//! The commands that take credits back and return them.

use chrono::TimeDelta;

use super::{
    Account, Answer, Batch, Model,
    debts::{Debts, MILLION, Owed, Part, Revocation, add, derived},
    decide::Refused,
};
use crate::{
    At,
    message::{Extent, Message, Target},
    rulebook::REFUND_GRACE,
};

impl Model {
    pub(super) fn revoke(
        &mut self,
        message: &Message,
        (target, extent): (&Target, Extent),
        at: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let (debts, account) = self.debts(&message.user);
        let named = debts.named(target)?;
        let deposit = debts.deposits[named].clone();
        let left = deposit.credits - deposit.revoked();
        let price = account.batches[deposit.batch].micros;
        let price = price.filter(|micros| *micros > 0);
        let exceeds = |amount| Refused {
            code: "revoke_exceeds_credits",
            short: amount,
        };
        match extent {
            Extent::Refunded(_) if price.is_none() => {
                return Err(Refused::bare("amount_paid_unknown"));
            }
            Extent::Credits(credits) if credits > left => {
                return Err(exceeds(Some((credits, left))));
            }
            Extent::All | Extent::Percent(_) if left == 0 => return Err(exceeds(None)),
            _ => {}
        }
        let mut reference = Some(message.reference.clone());
        let mut parts = Vec::new();
        for nth in [Some(named), deposit.bonus].into_iter().flatten() {
            let one = &debts.deposits[nth];
            let whole = i128::from(one.credits) * MILLION;
            let target = match extent {
                Extent::All => whole,
                Extent::Percent(percent) => one.millionths + whole * i128::from(percent) / 100,
                Extent::Refunded(cents) => {
                    let paid = i128::from(price.expect("a price"));
                    whole * i128::from(cents) * 10_000 / paid
                }
                Extent::Credits(credits) if nth == named => {
                    one.millionths + i128::from(credits) * MILLION
                }
                Extent::Credits(credits) => {
                    let share = i128::from(deposit.revoked() + credits);
                    whole * share / i128::from(deposit.credits)
                }
            };
            let target = target.clamp(one.millionths, whole);
            let revoked = i64::try_from(target / MILLION).expect("credits") - one.revoked();
            debts.deposits[nth].millionths = target;
            if revoked == 0 && reference.is_none() {
                continue;
            }
            let own = reference.take().unwrap_or_else(|| "derived".to_owned());
            parts.push(take_back(debts, account, (nth, revoked), own, at, answer));
        }
        debts.revocations.push(Revocation {
            reference: message.reference.clone(),
            parts,
            is_reinstated: false,
        });
        Ok(())
    }

    pub(super) fn reinstate(
        &mut self,
        message: &Message,
        of: &str,
        at: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        self.existing(&message.user)?;
        let (debts, account) = self.debts(&message.user);
        let mut known = debts.revocations.iter_mut();
        let Some(revocation) = known.find(|revocation| revocation.reference == of) else {
            return Err(Refused::bare("original_not_found"));
        };
        if std::mem::replace(&mut revocation.is_reinstated, true) {
            return Err(Refused::bare("already_reinstated"));
        }
        let mut reference = Some(message.reference.clone());
        let mut added = Vec::new();
        for part in revocation.parts.clone() {
            let deposit = &mut debts.deposits[part.deposit];
            deposit.millionths -= i128::from(part.revoked) * MILLION;
            if deposit.revoked() == 0 {
                deposit.millionths = 0;
            }
            deposit.taken -= part.taken.iter().map(|(_, credits)| credits).sum::<i64>();
            let batch = deposit.batch;
            let debt = part.debt.map(|debt| &mut debts.owed[debt]);
            deposit.owed -= debt.as_ref().map_or(0, |debt| debt.amount);
            let repaid = debt.as_ref().map_or(0, |debt| debt.repaid);
            let moved = account.restore(&part.taken, (batch, repaid), at);
            let restored: i64 = moved.iter().map(|(_, credits)| credits).sum();
            if let Some(own) = reference.take().or((restored > 0).then(derived)) {
                account.move_sorted(&moved, 1, answer);
                account.earned += restored;
                add(&mut answer.restored, restored);
                add(&mut answer.cancelled, 0);
                account.record("reinstatement", restored, own, at, answer);
                answer.debt = Some(account.debt);
                added.push(moved);
            }
            let open = debt.map_or(0, |debt| std::mem::take(&mut debt.open));
            if open > 0 {
                add(&mut answer.restored, 0);
                add(&mut answer.cancelled, open);
                account.record_debt("reinstatement", (0, -open), derived(), at, answer);
            }
        }
        for moved in added {
            self.repay(&message.user, &moved, at, answer);
        }
        Ok(())
    }
}

/// Takes revoked credits of a deposit: free ones, then expired ones count, and the rest is owed.
fn take_back(
    debts: &mut Debts,
    account: &mut Account,
    (nth, revoked): (usize, i64),
    reference: String,
    at: At,
    answer: &mut Answer,
) -> Part {
    let deposit = &debts.deposits[nth];
    let mut batches: Vec<usize> = Vec::new();
    let mut expired = 0;
    for (index, batch) in account.batches.iter().enumerate() {
        if batch.root != deposit.batch {
            continue;
        }
        expired += account.lapsed.get(&index).copied().unwrap_or(0);
        if batch.is_gone(at) {
            expired += account.free(index);
        } else {
            batches.push(index);
        }
    }
    account.sort_in_spending_order(&mut batches);
    batches.sort_by_key(|index| *index != deposit.batch);
    let mut missing = revoked;
    let mut taken = Vec::new();
    for index in batches {
        let part = account.free(index).min(missing);
        if part > 0 {
            missing -= part;
            account.batches[index].left -= part;
            account.batches[index].revoked = account.batches[index].left == 0;
            taken.push((index, part));
        }
    }
    // What was revoked before, without this revocation, and neither taken nor owed, had expired.
    let counted = deposit.revoked() - revoked - deposit.taken - deposit.owed;
    let owed = (missing - (expired - counted).max(0)).max(0);
    let total = revoked - missing;
    let deposit = &mut debts.deposits[nth];
    deposit.taken += total;
    deposit.owed += owed;
    account.move_sorted(&taken, -1, answer);
    account.earned -= total;
    add(&mut answer.revoked, revoked);
    add(&mut answer.taken, total);
    add(&mut answer.indebted, owed);
    account.record("revocation", -total, reference, at, answer);
    answer.debt = Some(account.debt);
    let debt = (owed > 0).then(|| {
        account.record_debt("debt", (0, owed), derived(), at, answer);
        debts.owed.push(Owed {
            deposit: nth,
            amount: owed,
            open: owed,
            repaid: 0,
        });
        debts.owed.len() - 1
    });
    taken.sort_unstable();
    Part {
        deposit: nth,
        revoked,
        taken,
        debt,
    }
}

impl Account {
    /// Returns taken credits to their batches, or as new batches if these have expired, and repaid
    /// credits as a new batch like that of the deposit.
    fn restore(
        &mut self,
        taken: &[(usize, i64)],
        (own, repaid): (usize, i64),
        at: At,
    ) -> Vec<(usize, i64)> {
        let grace = at + TimeDelta::hours(24 * REFUND_GRACE);
        let mut moved = Vec::new();
        for (index, credits) in taken {
            if self.batches[*index].is_gone(at) {
                let instead = self.batches[*index].renewed(*credits, at, Some(grace));
                self.batches.push(instead);
                moved.push((self.batches.len() - 1, *credits));
            } else {
                self.batches[*index].left += credits;
                self.batches[*index].revoked = false;
                moved.push((*index, *credits));
            }
        }
        if repaid > 0 {
            let batch = &self.batches[own];
            let end = batch.expires_at.map(|end| end.max(grace));
            let mut renewed = batch.renewed(repaid, at, end);
            renewed.micros = renewed.micros.map(|_| 0);
            self.batches.push(renewed);
            moved.push((self.batches.len() - 1, repaid));
        }
        moved
    }
}

impl Batch {
    /// Whether its credits can no longer be spent.
    pub(super) fn is_gone(&self, at: At) -> bool {
        self.expired || self.expires_at.is_some_and(|end| end <= at)
    }

    /// A new batch in its place, with its share of the price.
    pub(super) fn renewed(&self, credits: i64, at: At, expires_at: Option<At>) -> Self {
        let price = |micros: i64| {
            let share = i128::from(micros) * i128::from(credits) / i128::from(self.amount);
            i64::try_from(share).expect("a price")
        };
        Self {
            amount: credits,
            left: credits,
            issued_at: at,
            expires_at,
            micros: self.micros.map(price),
            expired: false,
            revoked: false,
            ..self.clone()
        }
    }
}
