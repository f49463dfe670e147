//! A book: the wallets and references that one group of commands touches, decided in memory.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    account,
    command::{Action, Command, Origin},
    consume, expire, grant, monthly,
    outcome::{Decision, Outcome, Record},
    payment::{CreditedPayment, PaymentKey},
    posting::{Detail, Posting, TransactionType},
    purchase,
    refusal::{Refusal, Refused},
    rules::{References, Rules},
    subscribe,
    subscription::Subscription,
    timeline::Event,
    wallet::{Inconsistency, Wallet, WalletStatus},
};

/// The wallets and references that one group of commands touches.
#[derive(Clone, Debug, Default)]
pub struct Book {
    wallets: HashMap<String, Wallet>,
    records: HashMap<ReferenceScope, HashMap<String, Record>>,
    registered: HashSet<String>,
    payments: HashMap<PaymentKey, CreditedPayment>,
    postings: Vec<Posting>,
    subscriptions: HashMap<String, Vec<Subscription>>,
    owners: HashMap<String, String>,
}

/// The origin of a reference, and the sender that it belongs to, if references are unique per sender.
type ReferenceScope = (Origin, Option<String>);

/// What has to be written after a group was decided.
#[derive(Debug)]
pub struct Changes {
    /// New transactions with their allocations, in the order of the decisions.
    pub postings: Vec<Posting>,
    /// All open wallets that were added, as they are now. Of them and their batches those have to be written that are
    /// marked as dirty or new; a wallet that is dirty has the version it will be written with.
    pub wallets: Vec<Wallet>,
    /// Subscriptions that are new or changed.
    pub subscriptions: Vec<Subscription>,
    /// Wallets that were prepared and that nobody opened.
    pub unopened: Vec<Uuid>,
}

/// What deciding one command needs besides the wallet.
pub(crate) struct Context<'a, F> {
    pub command: &'a Command,
    pub rules: &'a Rules,
    /// The wall clock.
    pub now: DateTime<Utc>,
    /// The effective time.
    pub at: DateTime<Utc>,
    pub ids: &'a mut F,
}

impl<F: FnMut() -> Uuid> Context<'_, F> {
    pub fn id(&mut self) -> Uuid {
        (self.ids)()
    }

    /// The command's own posting, still without a movement.
    pub fn posting(&mut self, kind: TransactionType) -> Posting {
        let command = self.command;
        Posting {
            id: self.id(),
            user_id: command.user_id.clone(),
            kind,
            amount: 0,
            other_account: None,
            origin: command.origin,
            reference_id: command.reference_id.clone(),
            sender: command.sender.clone(),
            fingerprint: Some(command.fingerprint()),
            refusal: None,
            balance_after: None,
            service: None,
            quantity: None,
            purchase_id: None,
            purchase_line: None,
            subscription_id: None,
            period_start: None,
            related_id: None,
            description: command.description.clone(),
            metadata: command.metadata.clone(),
            detail: Detail {
                claimed_at: command.occurred_at.filter(|claimed| *claimed != self.at),
                ..Detail::default()
            },
            occurred_at: self.at,
            allocations: Vec::new(),
        }
    }

    /// A posting under a derived reference that belongs to `to`. It has no sender, because any command may bring it.
    pub fn derived(&mut self, kind: TransactionType, reference_id: String, to: Option<Uuid>) -> Posting {
        Posting {
            origin: Origin::Internal,
            reference_id,
            sender: None,
            fingerprint: None,
            related_id: to,
            description: None,
            metadata: None,
            detail: Detail::default(),
            ..self.posting(kind)
        }
    }
}

/// What one kind of command decided.
pub(crate) enum Verdict {
    /// These postings.
    Post(Vec<Posting>),
    /// Refused.
    Refuse(Refused),
    /// Paid for, and cannot be applied.
    Unapplied(Refused),
}

impl From<Refusal> for Verdict {
    fn from(code: Refusal) -> Self {
        Self::Refuse(code.into())
    }
}

impl Book {
    /// Adds a wallet, with the batches that the commands may need.
    pub fn add_wallet(&mut self, wallet: Wallet) {
        self.wallets.insert(wallet.user_id.clone(), wallet);
    }

    /// The wallet of a user, if it was added or opened.
    pub fn wallet(&self, user_id: &str) -> Option<&Wallet> {
        self.wallets.get(user_id).filter(|wallet| wallet.open)
    }

    /// The wallet of a user, to add batches to it.
    pub fn wallet_mut(&mut self, user_id: &str) -> Option<&mut Wallet> {
        self.wallets.get_mut(user_id)
    }

    /// Whether a period of one of the users is due.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.wallets.values().any(|wallet| wallet.is_due(now))
    }

    /// Adds a stored outcome. `owner` is the sender that the reference belongs to: see [`References::owner`].
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

    /// Notes that a user has had the registration bonus.
    pub fn add_registered(&mut self, user_id: String) {
        self.registered.insert(user_id);
    }

    /// Notes that a payment was credited.
    pub fn add_payment(&mut self, payment: PaymentKey, credited: CreditedPayment) {
        self.payments.insert(payment, credited);
    }

    /// Adds a subscription: one of a user whose commands need it, or one that a command names and that may be somebody
    /// else's.
    pub fn add_subscription(&mut self, subscription: Subscription) {
        self.owners
            .insert(subscription.id.clone(), subscription.user_id.clone());
        self.subscriptions
            .entry(subscription.user_id.clone())
            .or_default()
            .push(subscription);
    }

    /// The subscriptions of a user, as far as they were added or opened.
    pub fn subscriptions(&self, user_id: &str) -> &[Subscription] {
        self.subscriptions.get(user_id).map_or(&[], Vec::as_slice)
    }

    /// What was posted so far.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// Decides one command and keeps what it changes. The same reference decided twice is a replay.
    ///
    /// # Errors
    /// Rows that contradict each other; nothing of the command is kept, and the book must not be used further.
    pub fn decide(
        &mut self,
        command: &Command,
        rules: &Rules,
        now: DateTime<Utc>,
        ids: &mut impl FnMut() -> Uuid,
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
        self.settle_due(&mut context)?;
        let refused = match self.judge(&mut context)? {
            Verdict::Post(postings) => return Ok(self.post(command, postings, rules.references, now)),
            Verdict::Unapplied(refused) => return Ok(Decision::Unapplied(refused)),
            Verdict::Refuse(refused) => refused,
        };
        // The money of a duplicate payment is credited already: there is nothing to keep for later.
        if command.is_paid() && refused.code != Refusal::DuplicatePayment {
            return Ok(Decision::Unapplied(refused));
        }
        let wallet = self.wallet(&command.user_id);
        let balance = wallet.map(|wallet| wallet.balance);
        let available = wallet.map(|wallet| wallet.spendable_at(now));
        if !refused.code.is_stored() || matches!(command.action, Action::Expire { .. }) {
            return Ok(Decision::Settled(Outcome::refused(refused, balance, available)));
        }
        let mut posting = context.posting(transaction_type(&command.action));
        posting.refusal = Some(refused.code);
        posting.balance_after = balance;
        posting.detail.default_price =
            refused.required.is_some() && context.rules.uses_default_price(&command.action);
        posting.detail.required = refused.required;
        posting.detail.available = refused.available;
        posting.detail.first = refused.first;
        posting.detail.request = Some(Box::new(command.clone()));
        if let Action::Consume {
            service, quantity, ..
        } = &command.action
        {
            posting.service = Some(service.clone());
            posting.quantity = *quantity;
        }
        if let Some(payment) = PaymentKey::from_command(command) {
            posting.purchase_id = Some(payment.purchase_id);
            posting.purchase_line = payment.purchase_line;
        }
        if let Action::MonthlyGrant {
            subscription_id,
            period_start,
        } = &command.action
        {
            posting.subscription_id = Some(subscription_id.clone());
            posting.period_start = Some(*period_start);
        }
        Ok(self.post(command, vec![posting], rules.references, now))
    }

    fn judge<F: FnMut() -> Uuid>(&mut self, context: &mut Context<'_, F>) -> Result<Verdict, Inconsistency> {
        if !context.rules.enabled && !matches!(context.command.action, Action::Expire { .. }) {
            return Ok(Refusal::CreditsDisabled.into());
        }
        match &context.command.action {
            Action::Consume {
                service,
                amount,
                quantity,
            } => {
                let wallet = self.wallets.get_mut(&context.command.user_id);
                consume::decide(wallet, service, *amount, *quantity, context)
            }
            Action::RegistrationBonus => {
                if self.registered.contains(&context.command.user_id) {
                    return Ok(Refusal::AlreadyGranted.into());
                }
                let wallet = open(&mut self.wallets, context);
                let verdict = grant::registration_bonus(wallet, context)?;
                if matches!(verdict, Verdict::Post(_)) {
                    self.registered.insert(context.command.user_id.clone());
                    if let Some(free) = grant::free_subscription(context) {
                        self.open_subscription(free, context.rules, context.now);
                    }
                }
                Ok(verdict)
            }
            Action::Promotion {
                amount,
                validity_days,
            } => grant::promotion(open(&mut self.wallets, context), *amount, *validity_days, context),
            Action::Purchase {
                item,
                purchase_id,
                purchase_line,
                paid_micros,
                currency,
            } => {
                let lot = match purchase::lot(item, context.rules) {
                    Ok(lot) => lot,
                    Err(refusal) => return Ok(refusal.into()),
                };
                let payment = purchase::Payment {
                    key: PaymentKey {
                        purchase_id: purchase_id.clone(),
                        purchase_line: purchase_line.clone(),
                    },
                    paid_micros: *paid_micros,
                    currency: currency.as_ref(),
                };
                let wallet = open(&mut self.wallets, context);
                purchase::decide(wallet, &lot, payment, &mut self.payments, context)
            }
            Action::MonthlyGrant {
                subscription_id,
                period_start,
            } => {
                let user_id = &context.command.user_id;
                let wallet = self.wallets.get_mut(user_id).filter(|wallet| wallet.open);
                let subscriptions = self.subscriptions.get_mut(user_id);
                let subscriptions = subscriptions.map_or(&mut [][..], Vec::as_mut_slice);
                monthly::decide(wallet, subscriptions, (subscription_id, *period_start), context)
            }
            Action::Subscription {
                subscription_id,
                plan,
                status,
                anchor,
                paid_through,
            } => {
                let event = Event {
                    at: context.command.event_at(context.now),
                    applied_at: context.now,
                    status: *status,
                    plan: plan.clone(),
                    anchor: *anchor,
                    paid_through: *paid_through,
                };
                self.subscribe(subscription_id, event, context)
            }
            Action::Freeze { .. } => {
                let wallet = self.wallets.get_mut(&context.command.user_id);
                account::decide(wallet, WalletStatus::Frozen, context)
            }
            Action::Unfreeze { .. } => {
                let wallet = self.wallets.get_mut(&context.command.user_id);
                account::decide(wallet, WalletStatus::Active, context)
            }
            Action::Expire { cutoff } => {
                let wallet = self
                    .wallets
                    .get_mut(&context.command.user_id)
                    .filter(|wallet| wallet.open);
                expire::decide(wallet, *cutoff, context)
            }
        }
    }

    fn subscribe<F: FnMut() -> Uuid>(
        &mut self,
        id: &str,
        event: Event,
        context: &mut Context<'_, F>,
    ) -> Result<Verdict, Inconsistency> {
        let user_id = &context.command.user_id;
        if self.owners.get(id).is_some_and(|owner| owner != user_id) {
            return Ok(Refusal::SubscriptionConflict.into());
        }
        let subscriptions = self.subscriptions.entry(user_id.clone()).or_default();
        let wallet = open(&mut self.wallets, context);
        let verdict = subscribe::decide(wallet, subscriptions, (id, event), context)?;
        if matches!(verdict, Verdict::Post(_)) {
            self.owners.insert(id.to_owned(), user_id.clone());
        }
        Ok(verdict)
    }

    /// Keeps a new subscription, unless it is known.
    fn open_subscription(&mut self, subscription: Subscription, rules: &Rules, now: DateTime<Utc>) {
        let known = self.subscriptions(&subscription.user_id);
        if known.iter().any(|one| one.id == subscription.id) {
            return;
        }
        if let Some(wallet) = self.wallets.get_mut(&subscription.user_id) {
            let both = [wallet.next_due_at, subscription.next_due_at(rules, now)];
            wallet.set_next_due_at(both.into_iter().flatten().min());
        }
        self.add_subscription(subscription);
    }

    /// Grants the periods that are due before a command is looked at. Commands about subscriptions grant what is due themselves.
    fn settle_due<F: FnMut() -> Uuid>(&mut self, context: &mut Context<'_, F>) -> Result<(), Inconsistency> {
        let command = context.command;
        let grants_itself = matches!(
            command.action,
            Action::Subscription { .. } | Action::MonthlyGrant { .. }
        );
        if grants_itself || !context.rules.enabled {
            return Ok(());
        }
        let wallet = self.wallets.get_mut(&command.user_id);
        let Some(wallet) = wallet.filter(|wallet| wallet.open && wallet.is_due(context.now)) else {
            return Ok(());
        };
        let subscriptions = self.subscriptions.get_mut(&command.user_id);
        let subscriptions = subscriptions.map_or(&mut [][..], Vec::as_mut_slice);
        let effective = std::mem::replace(&mut context.at, context.now);
        let postings = monthly::settle(wallet, subscriptions, context.now, None, context)?;
        context.at = effective;
        self.keep_grants(&postings);
        self.postings.extend(postings);
        Ok(())
    }

    /// Grants the periods of a user's subscriptions that are due by `now`, and returns what they bring.
    ///
    /// # Errors
    /// Rows that contradict each other; the book must not be used further.
    pub fn settle(
        &mut self,
        user_id: &str,
        rules: &Rules,
        now: DateTime<Utc>,
        ids: &mut impl FnMut() -> Uuid,
    ) -> Result<&[Posting], Inconsistency> {
        // It is never decided: a posting takes its user from a command.
        let command = Command {
            origin: Origin::Internal,
            reference_id: String::new(),
            sender: None,
            user_id: user_id.to_owned(),
            occurred_at: None,
            received_at: None,
            description: None,
            metadata: None,
            action: Action::Expire { cutoff: now },
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

    fn recorded(&self, command: &Command, references: References) -> Option<Decision> {
        if matches!(command.action, Action::Expire { .. }) {
            return None;
        }
        let owner = references.owner(command.sender.as_deref()).map(str::to_owned);
        let record = self
            .records
            .get(&(command.origin, owner))?
            .get(&command.reference_id)?;
        if record.fingerprint == Some(command.fingerprint()) {
            let outcome = Outcome {
                replayed: true,
                available: None,
                ..record.outcome.clone()
            };
            return Some(Decision::Settled(outcome));
        }
        let conflict = Refused::from(Refusal::ReferenceConflict);
        Some(if command.is_paid() {
            Decision::Unapplied(conflict)
        } else {
            Decision::Settled(Outcome::refused(conflict, None, None))
        })
    }

    fn post(
        &mut self,
        command: &Command,
        postings: Vec<Posting>,
        references: References,
        now: DateTime<Utc>,
    ) -> Decision {
        let wallet = self.wallet(&command.user_id);
        let available = wallet.map(|wallet| wallet.spendable_at(now));
        let mut outcome = Outcome::of(&postings.iter().collect::<Vec<_>>(), available);
        outcome.balance = outcome.balance.or(wallet.map(|wallet| wallet.balance));
        if !matches!(command.action, Action::Expire { .. }) {
            let is_own = |posting: &&Posting| {
                posting.origin == command.origin && posting.reference_id == command.reference_id
            };
            let own = postings.iter().find(is_own);
            let fingerprint = own.and_then(|posting| posting.fingerprint);
            let record = Record {
                fingerprint: fingerprint.or_else(|| Some(command.fingerprint())),
                outcome: outcome.clone(),
            };
            let owner = references.owner(command.sender.as_deref()).map(str::to_owned);
            self.add_record(command.origin, owner, command.reference_id.clone(), record);
        }
        let came_along = postings.iter().filter(|posting| posting.related_id.is_some());
        self.keep_grants(came_along);
        self.postings.extend(postings);
        Decision::Settled(outcome)
    }

    /// Keeps the outcomes of grants that a job may ask for, too.
    fn keep_grants<'a>(&mut self, postings: impl IntoIterator<Item = &'a Posting>) {
        for grant in postings
            .into_iter()
            .filter(|posting| posting.fingerprint.is_some())
        {
            let record = Record {
                fingerprint: grant.fingerprint,
                outcome: Outcome::of(&[grant], None),
            };
            self.add_record(grant.origin, None, grant.reference_id.clone(), record);
        }
    }

    /// What has to be written.
    pub fn into_changes(self) -> Changes {
        let mut changes = Changes {
            postings: self.postings,
            wallets: Vec::new(),
            subscriptions: Vec::new(),
            unopened: Vec::new(),
        };
        let subscriptions = self.subscriptions.into_values().flatten();
        changes
            .subscriptions
            .extend(subscriptions.filter(|subscription| subscription.dirty));
        for mut wallet in self.wallets.into_values() {
            if !wallet.open {
                changes.unopened.push(wallet.id);
                continue;
            }
            if wallet.dirty {
                wallet.version = wallet.version.saturating_add(1);
            }
            changes.wallets.push(wallet);
        }
        changes
    }
}

/// The wallet of a command that opens one.
fn open<'a, F: FnMut() -> Uuid>(
    wallets: &'a mut HashMap<String, Wallet>,
    context: &mut Context<'_, F>,
) -> &'a mut Wallet {
    match wallets.entry(context.command.user_id.clone()) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => {
            let wallet = Wallet::prepared(context.id(), entry.key().clone());
            entry.insert(wallet)
        }
    }
}

const fn transaction_type(action: &Action) -> TransactionType {
    match action {
        Action::Consume { .. } => TransactionType::Consumption,
        Action::RegistrationBonus => TransactionType::RegistrationBonus,
        Action::Promotion { .. } => TransactionType::Promotion,
        Action::Purchase { .. } => TransactionType::Purchase,
        Action::MonthlyGrant { .. } => TransactionType::MonthlyGrant,
        Action::Subscription { .. } => TransactionType::Subscription,
        Action::Freeze { .. } => TransactionType::Freeze,
        Action::Unfreeze { .. } => TransactionType::Unfreeze,
        Action::Expire { .. } => TransactionType::Expiration,
    }
}
