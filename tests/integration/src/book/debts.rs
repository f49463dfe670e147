//! Revocations, debts and what settles them in the ledger that is written row by row.

use entity::{credits_debt, credits_revocation, credits_transaction};
use sea_orm::prelude::Uuid;
use serde_json::{Value, json};

use super::{Book, instant};

/// What is revoked of a batch: its index, the credits that are taken, and those that become debt.
type Part = (usize, i64, i64);

impl Book {
    /// Revokes deposits: the first one by the command, each further one by a row that belongs to
    /// it.
    pub fn revoke(&mut self, user: &str, parts: &[Part]) {
        let mut own = None;
        for (batch, taken, owed) in parts {
            let deposit_id = self.batches[*batch].transaction_id;
            let revocation = match own {
                None => {
                    let id = self.post(user, "revocation", -taken, "COMPLETED");
                    let posted = self.last();
                    posted.related_id = Some(deposit_id);
                    posted.detail = Some(json!({"request": {"type": "revoke", "of": "r"}}));
                    own = Some(id);
                    id
                }
                Some(own) => self.derive(user, "revocation", -taken, own, "revocation"),
            };
            self.move_account(deposit_id);
            self.note("depositId", json!(deposit_id));
            self.note("revoked", json!(taken + owed));
            self.note_debt(user);
            self.allocate(revocation, *batch, -taken);
            if self.batches[*batch].remaining == 0 {
                self.batches[*batch].status = "REVOKED".into();
            }
            let own = own.unwrap_or(revocation);
            self.count_revoked(user, (deposit_id, *taken, *owed));
            if *owed > 0 {
                self.indebt(user, own, (revocation, deposit_id, *owed));
            }
        }
    }

    fn count_revoked(&mut self, user: &str, (deposit_id, taken, owed): (Uuid, i64, i64)) {
        let created_at = self.last().created_at;
        let issued = self.transaction(deposit_id).amount;
        self.revocations.push(credits_revocation::Model {
            transaction_id: deposit_id,
            user_id: user.into(),
            issued,
            revoked: taken + owed,
            fraction: 0,
            taken,
            indebted: owed,
            created_at,
            updated_at: created_at,
        });
    }

    fn indebt(&mut self, user: &str, own: Uuid, (of, deposit_id, owed): (Uuid, Uuid, i64)) {
        let id = self.derive(user, "debt", 0, own, "debt");
        self.last().reference_id = format!("debt:{of}");
        self.change_debt(user, owed);
        let account = self.transaction(deposit_id).debit_account.clone();
        let posted = self.last();
        (posted.debit_account, posted.credit_account) = (Some(format!("DEBT:{user}")), account);
        self.note("depositId", json!(deposit_id));
        let created_at = self.last().created_at;
        self.debts.push(credits_debt::Model {
            id,
            user_id: user.into(),
            revocation_id: own,
            deposit_id,
            amount: owed,
            repaid: 0,
            forgiven: 0,
            cancelled: 0,
            created_at,
            updated_at: created_at,
        });
    }

    /// Adds credits that repay the last debt of a user at once.
    pub fn repay(&mut self, user: &str, amount: i64) {
        let batch = self.credit(user, "promotion", amount, None);
        let cause = self.batches[batch].transaction_id;
        let repayment = self.derive(user, "repayment", -amount, cause, "repayment");
        self.last().credit_account = Some(format!("DEBT:{user}"));
        self.allocate(repayment, batch, -amount);
        self.batches[batch].status = "CONSUMED".into();
        self.change_debt(user, -amount);
        self.settle(user, amount, |debt| &mut debt.repaid);
    }

    /// Forgives a part of the last debt of a user.
    pub fn forgive(&mut self, user: &str, amount: i64) {
        self.post(user, "forgiveness", 0, "COMPLETED");
        let posted = self.last();
        posted.detail = Some(json!({
            "request": {"type": "forgive", "reason": "ticket", "actor": "ops"},
        }));
        posted.debit_account = Some("SYSTEM:debt-forgiveness".into());
        posted.credit_account = Some(format!("DEBT:{user}"));
        self.change_debt(user, -amount);
        self.settle(user, amount, |debt| &mut debt.forgiven);
    }

    /// Reinstates the last revocation of a user: what was taken returns to its batches, what was
    /// repaid comes back as a new batch, and the rest of the debt is cancelled.
    pub fn reinstate(&mut self, user: &str, parts: &[Part]) {
        let debt = self.debt(user).clone();
        let mut own = None;
        for (batch, taken, owed) in parts {
            let deposit_id = self.batches[*batch].transaction_id;
            let repaid = if *owed > 0 { debt.repaid } else { 0 };
            let returned = taken + repaid;
            let reinstatement = match own {
                None => {
                    let id = self.post(user, "reinstatement", returned, "COMPLETED");
                    let posted = self.last();
                    posted.related_id = Some(debt.revocation_id);
                    posted.detail = Some(json!({"request": {"type": "reinstate", "of": "r"}}));
                    own = Some(id);
                    id
                }
                Some(own) => self.derive(user, "reinstatement", returned, own, "reinstatement"),
            };
            let own = own.unwrap_or(reinstatement);
            if own != reinstatement {
                let part = self.part_of(debt.revocation_id, deposit_id);
                self.last().reference_id = format!("reinstatement:{part}");
            }
            self.move_account(deposit_id);
            self.note("depositId", json!(deposit_id));
            self.note_debt(user);
            self.allocate(reinstatement, *batch, *taken);
            self.batches[*batch].status = "ACTIVE".into();
            let updated_at = self.last().created_at;
            let revocation = self.revocations.iter_mut();
            for row in revocation.filter(|row| row.transaction_id == deposit_id) {
                (row.revoked, row.taken, row.indebted) = (0, 0, 0);
                row.updated_at = updated_at;
            }
            if repaid > 0 {
                self.return_repaid(*batch, repaid);
            }
            let open = debt.amount - debt.repaid - debt.forgiven;
            if *owed > 0 && open > 0 {
                self.derive(user, "reinstatement", 0, own, "cancellation");
                let account = self.transaction(deposit_id).debit_account.clone();
                let posted = self.last();
                posted.reference_id = format!("cancellation:{}", debt.id);
                posted.debit_account = account;
                posted.credit_account = Some(format!("DEBT:{user}"));
                self.change_debt(user, -open);
                self.settle(user, open, |debt| &mut debt.cancelled);
            }
        }
    }

    /// Adds a batch of the last reinstatement in place of another.
    fn return_repaid(&mut self, replaced: usize, amount: i64) {
        let id = self.id();
        let posted = self.last();
        let (transaction_id, now) = (posted.id, posted.created_at);
        let replaced = self.batches[replaced].clone();
        let expires_at = replaced.expires_at;
        self.batches.push(entity::credits_batch::Model {
            id,
            amount,
            remaining: 0,
            issued_at: now,
            transaction_id,
            deposit_id: Some(replaced.transaction_id),
            created_at: now,
            updated_at: now,
            status: "ACTIVE".into(),
            expirations: 0,
            ..replaced.clone()
        });
        let note = json!({
            "replaces": replaced.id.simple().to_string(),
            "expiresAt": expires_at.map(instant),
        });
        self.note("batches", json!({ id.simple().to_string(): note }));
        let index = self.batches.len() - 1;
        self.allocate(transaction_id, index, amount);
    }

    /// The last transaction.
    fn last(&mut self) -> &mut credits_transaction::Model {
        self.transactions.last_mut().expect("it was posted")
    }

    fn transaction(&self, id: Uuid) -> &credits_transaction::Model {
        let mut transactions = self.transactions.iter();
        transactions
            .find(|one| one.id == id)
            .expect("it was posted")
    }

    /// The row of a revocation that is about a deposit.
    fn part_of(&self, own: Uuid, deposit_id: Uuid) -> Uuid {
        let mut rows = self.transactions.iter();
        let part = rows.find(|row| {
            let detail = row.detail.as_ref();
            row.kind == "revocation"
                && (row.id == own || row.related_id == Some(own))
                && detail.is_some_and(|detail| detail["depositId"] == json!(deposit_id))
        });
        part.expect("a revocation of the deposit").id
    }

    /// The last debt of a user.
    fn debt(&mut self, user: &str) -> &mut credits_debt::Model {
        let mut debts = self.debts.iter_mut().rev();
        debts.find(|debt| debt.user_id == user).expect("a debt")
    }

    /// Posts a row that the transaction `to` causes.
    fn derive(&mut self, user: &str, kind: &str, amount: i64, to: Uuid, name: &str) -> Uuid {
        let created_at = self.transaction(to).created_at;
        let id = self.post(user, kind, amount, "COMPLETED");
        let posted = self.last();
        posted.origin = "internal".into();
        posted.fingerprint = None;
        posted.related_id = Some(to);
        posted.reference_id = format!("{name}:{to}");
        (posted.created_at, posted.occurred_at) = (created_at, created_at);
        id
    }

    /// Makes the account of the deposit the other side of the last transaction.
    fn move_account(&mut self, deposit_id: Uuid) {
        let account = self.transaction(deposit_id).debit_account.clone();
        let posted = self.last();
        match posted.amount {
            ..0 => posted.credit_account = account,
            1.. => posted.debit_account = account,
            0 => {}
        }
    }

    /// Sets a field in the detail of the last transaction.
    fn note(&mut self, name: &str, value: Value) {
        let detail = self.last().detail.get_or_insert_with(|| json!({}));
        detail[name] = value;
    }

    fn note_debt(&mut self, user: &str) {
        let debt = self.wallet(user).debt;
        self.note("debt", json!(debt));
    }

    /// Makes the last transaction change the debt of its user.
    fn change_debt(&mut self, user: &str, change: i64) {
        self.wallet(user).debt += change;
        self.last().debt_change = Some(change);
        self.note_debt(user);
    }

    /// Makes the last transaction settle a part of the last debt of a user.
    fn settle(&mut self, user: &str, amount: i64, how: fn(&mut credits_debt::Model) -> &mut i64) {
        let updated_at = self.last().created_at;
        let debt = self.debt(user);
        *how(debt) += amount;
        debt.updated_at = updated_at;
        let id = debt.id.simple().to_string();
        self.note("debts", json!({ id: amount }));
    }
}
