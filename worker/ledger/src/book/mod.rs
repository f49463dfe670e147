//! The book: the in-memory working set of one group of commands.

mod changes;
mod dispatch;
mod holds;
mod records;
mod wallets;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

pub use changes::Changes;
use wallets::Wallets;

use crate::{
    action::{Action, Expire},
    command::{Command, Origin},
    debt::{Debt, Debts},
    decision::{Context, IdSource, Verdict},
    deposit_record::{DepositRecord, Deposits},
    inconsistency::Inconsistency,
    monthly,
    original::{Original, Originals},
    outcome::{Decision, Outcome},
    payment::{CreditedPayment, PaymentKey},
    posting::{Posting, TransactionType},
    record::Record,
    refusal::Refusal,
    revocation_record::{RevocationRecord, Revocations},
    rules::Rules,
    subscription::Subscription,
    wallet::Wallet,
};

/// The in-memory working set of one group of commands: wallets, stored outcomes, payments and
/// subscriptions.
///
/// Add everything that the commands touch, decide the commands in order with [`Book::decide`], and
/// take the rows to write from [`Book::changes`]. After the commit, [`Book::into_wallets`] returns
/// the wallets for the next group.
#[derive(Clone, Debug, Default)]
pub struct Book {
    wallets: Wallets,
    records: HashMap<ReferenceScope, HashMap<String, Record>>,
    registered: HashSet<String>,
    payments: HashMap<PaymentKey, CreditedPayment>,
    originals: Originals,
    deposits: Deposits,
    revocations: Revocations,
    debts: Debts,
    postings: Vec<Posting>,
    subscriptions: HashMap<String, Vec<Subscription>>,
    owners: HashMap<String, String>,
    /// The length of the stored history of each stored subscription, by its id.
    stored_histories: HashMap<String, usize>,
}

/// The scope of a reference: its origin, and its sender if references are unique per sender.
type ReferenceScope = (Origin, Option<String>);

impl Book {
    /// Adds a wallet with the batches that the commands may need.
    pub fn add_wallet(&mut self, wallet: Wallet) {
        self.wallets.add(wallet);
    }

    /// Adds an empty wallet whose row was inserted for this group, so that there is a row to lock.
    /// It is open as soon as a command adds credits or a subscription.
    pub fn add_unopened_wallet(&mut self, wallet: Wallet) {
        self.wallets.add_unopened(wallet);
    }

    /// The wallet of a user, if it is open.
    pub fn wallet(&self, user_id: &str) -> Option<&Wallet> {
        self.wallets.get(user_id)
    }

    /// The wallet of a user, if it is open. Use it to add batches.
    pub fn wallet_mut(&mut self, user_id: &str) -> Option<&mut Wallet> {
        self.wallets.get_mut(user_id)
    }

    /// Whether a period of any of the users is due.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.wallets.is_due(now)
    }

    /// Adds a stored outcome. `owner` is the sender that the reference belongs to, see
    /// [`References::owner`](crate::References::owner).
    pub fn add_record(
        &mut self,
        origin: Origin,
        owner: Option<String>,
        reference_id: String,
        record: Record,
    ) {
        self.records
            .entry((origin, owner))
            .or_default()
            .insert(reference_id, record);
    }

    /// Records that a user has received the registration bonus.
    pub fn add_registered(&mut self, user_id: String) {
        self.registered.insert(user_id);
    }

    /// Records that a payment was credited.
    pub fn add_payment(&mut self, payment: PaymentKey, credited: CreditedPayment) {
        self.payments.insert(payment, credited);
    }

    /// Adds a stored consumption or capture that a refund names. The wallet of its user must have
    /// all batches that it took from.
    pub fn add_original(&mut self, original: Original) {
        self.originals.add(original);
    }

    /// Adds a stored deposit that a revocation names or was made of, and the bonus of a purchase. The
    /// wallet of its user must have all batches with its id as [`deposit_id`](crate::Batch), also
    /// the empty ones.
    pub fn add_deposit(&mut self, deposit: DepositRecord) {
        self.deposits.add(deposit);
    }

    /// Adds a stored revocation that a reinstatement names. The deposits of its parts and its debts
    /// must be added, too, also the debts that are settled.
    pub fn add_revocation(&mut self, revocation: RevocationRecord) {
        self.revocations.add(revocation);
    }

    /// Adds a stored debt. If a wallet owes credits, all its open debts must be added, unless the
    /// commands neither add nor return credits nor name debts.
    pub fn add_debt(&mut self, debt: Debt) {
        self.debts.add(debt);
    }

    /// Adds a stored subscription. It belongs to a user of the commands, or a command names it and
    /// it may belong to another user.
    pub fn add_subscription(&mut self, subscription: Subscription) {
        self.stored_histories
            .insert(subscription.id.clone(), subscription.history_len());
        self.insert_subscription(subscription);
    }

    fn insert_subscription(&mut self, subscription: Subscription) {
        self.owners
            .insert(subscription.id.clone(), subscription.user_id.clone());
        self.subscriptions
            .entry(subscription.user_id.clone())
            .or_default()
            .push(subscription);
    }

    /// The subscriptions of a user that were added or opened.
    pub fn subscriptions(&self, user_id: &str) -> &[Subscription] {
        self.subscriptions.get(user_id).map_or(&[], Vec::as_slice)
    }

    /// The postings so far.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// Decides one command and applies its changes to the book. A second command with the same
    /// reference and content is a replay.
    ///
    /// # Errors
    /// Returns an error if rows contradict each other. The command is not recorded then, and the
    /// book must not be used any further.
    pub fn decide(
        &mut self,
        command: &Command,
        rules: &Rules,
        now: DateTime<Utc>,
        ids: &mut dyn IdSource,
    ) -> Result<Decision, Inconsistency> {
        if let Some(decision) = self.recorded(command, rules.references) {
            return Ok(decision);
        }
        let at = command.effective_at(now, rules.max_lateness);
        let mut context = Context {
            command,
            rules,
            now,
            at,
            ids,
        };
        let expired = self.close_ended(true, &mut context)?;
        self.postings.extend(expired);
        self.settle_due(&mut context)?;
        let mut verdict = self.dispatch(&mut context)?;
        if let Verdict::Post(postings) = &mut verdict {
            self.repay(postings, &mut context)?;
        }
        let expired = self.close_ended(false, &mut context)?;
        let refused = match verdict {
            Verdict::Post(postings) => {
                let decision = self.post(command, postings, rules.references, now);
                self.postings.extend(expired);
                return Ok(decision);
            }
            Verdict::Unapplied(refused) => return Ok(Decision::Unapplied(refused)),
            Verdict::Refuse(refused) => refused,
        };
        self.postings.extend(expired);
        // The money of a duplicate payment has been credited, so a dead letter is not needed.
        if command.is_paid() && refused.code != Refusal::DuplicatePayment {
            return Ok(Decision::Unapplied(refused));
        }
        let wallet = self.wallet(&command.user_id);
        let balance = wallet.map(|wallet| wallet.balance);
        let available = wallet.map(|wallet| wallet.spendable_at(now));
        if !refused.code.is_stored() || matches!(command.action, Action::Expire(_)) {
            return Ok(Decision::Settled(Outcome::refused(
                refused, balance, available,
            )));
        }
        let mut posting = context.posting(transaction_type(&command.action));
        posting.refusal = Some(refused.code);
        posting.balance_after = balance;
        posting.detail.required = refused.required;
        posting.detail.available = refused.available;
        posting.detail.first = refused.first;
        let is_owed = refused.code == Refusal::DebtOutstanding;
        posting.detail.debt = wallet.filter(|_| is_owed).map(|wallet| wallet.debt);
        posting.audit.request = Some(Box::new(command.clone()));
        match &command.action {
            Action::Consume(consume) => {
                posting.service = Some(consume.service.clone());
                posting.quantity = consume.quantity;
                posting.detail.default_price = refused.required.is_some()
                    && rules.uses_default_price(&consume.service, consume.amount);
            }
            Action::Hold(hold) => {
                posting.service = Some(hold.service.clone());
                posting.quantity = hold.quantity;
                posting.detail.default_price = refused.required.is_some()
                    && rules.uses_default_price(&hold.service, hold.amount);
            }
            Action::Capture(capture) => posting.quantity = capture.quantity,
            Action::Purchase(purchase) => {
                posting.purchase_id = Some(purchase.purchase_id.clone());
                posting.purchase_line.clone_from(&purchase.purchase_line);
            }
            // Refusals of a monthly grant that are stored come from `monthly`, with its period.
            _ => {}
        }
        Ok(self.post(command, vec![posting], rules.references, now))
    }

    /// Grants the periods that are due before a command is decided. Commands about subscriptions
    /// grant them as part of their own decision.
    fn settle_due(&mut self, context: &mut Context<'_>) -> Result<(), Inconsistency> {
        let command = context.command;
        let grants_itself = matches!(
            command.action,
            Action::Subscription(_) | Action::MonthlyGrant(_)
        );
        if grants_itself || !context.rules.enabled {
            return Ok(());
        }
        let wallet = self.wallets.get_mut(&command.user_id);
        let Some(wallet) = wallet.filter(|wallet| wallet.is_due(context.now)) else {
            return Ok(());
        };
        let subscriptions = self.subscriptions.get_mut(&command.user_id);
        let subscriptions = subscriptions.map_or(&mut [][..], Vec::as_mut_slice);
        let effective = std::mem::replace(&mut context.at, context.now);
        let mut postings = monthly::settle(wallet, subscriptions, context.now, None, context)?;
        self.repay(&mut postings, context)?;
        context.at = effective;
        self.record_grants(&postings);
        self.postings.extend(postings);
        Ok(())
    }

    /// Grants the periods of a user's subscriptions that are due by `now`, and returns the new
    /// postings.
    ///
    /// # Errors
    /// Returns an error if rows contradict each other. The book must not be used any further then.
    pub fn settle(
        &mut self,
        user_id: &str,
        rules: &Rules,
        now: DateTime<Utc>,
        ids: &mut dyn IdSource,
    ) -> Result<&[Posting], Inconsistency> {
        // This command is never decided. A posting takes its user from a command.
        let command = Command {
            origin: Origin::Internal,
            reference_id: String::new(),
            sender: None,
            user_id: user_id.to_owned(),
            occurred_at: None,
            received_at: None,
            description: None,
            metadata: None,
            action: Action::Expire(Expire { cutoff: now }),
        };
        let before = self.postings.len();
        let mut context = Context {
            command: &command,
            rules,
            now,
            at: now,
            ids,
        };
        self.settle_due(&mut context)?;
        Ok(&self.postings[before..])
    }
}

const fn transaction_type(action: &Action) -> TransactionType {
    match action {
        Action::Consume(_) => TransactionType::Consumption,
        Action::Refund(_) => TransactionType::Refund,
        Action::Hold(_) => TransactionType::Hold,
        Action::Capture(_) => TransactionType::Capture,
        Action::Release(_) => TransactionType::Release,
        Action::RegistrationBonus => TransactionType::RegistrationBonus,
        Action::Promotion(_) => TransactionType::Promotion,
        Action::Purchase(_) => TransactionType::Purchase,
        Action::MonthlyGrant(_) => TransactionType::MonthlyGrant,
        Action::Subscription(_) => TransactionType::Subscription,
        Action::Freeze(_) => TransactionType::Freeze,
        Action::Unfreeze(_) => TransactionType::Unfreeze,
        Action::Revoke(_) => TransactionType::Revocation,
        Action::Reinstate(_) => TransactionType::Reinstatement,
        Action::Forgive(_) => TransactionType::Forgiveness,
        Action::Expire(_) => TransactionType::Expiration,
    }
}
