//! Loads the rows that a group of commands needs into a [`Book`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use ledger::{Action, Book, Command, Outcome, PaymentKey, Record, References, Rules, Wallet};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use uuid::Uuid;

use super::{
    from_row::{
        RecordedCommand, allocation, credited_payment, recorded_command, recorded_transaction,
        wallet,
    },
    need::Need,
    sql,
};
use crate::{
    db::{
        Sql, StoreError, Timeout,
        bulk::{self, Column},
        get,
    },
    read::{self, stored_subscriptions},
};

/// Loads the rows of one group.
pub struct Loader<'a, C> {
    pub connection: &'a C,
    pub(super) timeout: Timeout,
    pub rules: &'a Rules,
    pub now: DateTime<Utc>,
}

impl<C: ConnectionTrait> Loader<'_, C> {
    /// Locks the wallets of `commands` and reads every row that the decisions need, each kind of
    /// row by one statement.
    pub async fn load(&self, commands: &[Command]) -> Result<Book, StoreError> {
        let mut book = Book::default();
        let prepared = self.prepare_wallets(commands).await?;
        let users: BTreeSet<&str> = commands
            .iter()
            .map(|command| command.user_id.as_str())
            .collect();
        let mut wallets = self.lock_wallets(&users).await?;
        self.records(commands, &mut book).await?;
        self.registered(commands, &mut book).await?;
        self.credited_payments(commands, &mut book).await?;
        self.subscriptions(commands, &wallets, &mut book).await?;
        let mut needs = self.needs(commands);
        self.holds(commands, wallets.iter_mut(), &mut needs).await?;
        let indebted = wallets.iter().filter(|wallet| wallet.debt > 0);
        let indebted: Vec<String> = indebted.map(|wallet| wallet.user_id.clone()).collect();
        for wallet in wallets {
            if prepared.contains(&wallet.user_id) {
                book.add_unopened_wallet(wallet);
            } else {
                book.add_wallet(wallet);
            }
        }
        self.batches(needs, &mut book).await?;
        self.originals(commands, &mut book).await?;
        self.debts(commands, &indebted, &mut book).await?;
        Ok(book)
    }

    /// What the commands may need, by user, without what holds and captures need.
    pub fn needs<'c>(&self, commands: &'c [Command]) -> BTreeMap<&'c str, Need> {
        let mut needs: BTreeMap<&str, Need> = BTreeMap::new();
        for command in commands {
            let need = needs.entry(&command.user_id).or_default();
            if !matches!(command.action, Action::Capture(_)) {
                let cost = self.rules.demand(command, std::iter::empty(), &[]);
                need.credits = need.credits.saturating_add(cost);
            }
        }
        needs
    }

    /// Inserts the missing wallets that commands of this group may open, so that they can be
    /// locked. Returns the users of the inserted wallets.
    async fn prepare_wallets(&self, commands: &[Command]) -> Result<BTreeSet<String>, StoreError> {
        let openers: BTreeSet<&str> = commands
            .iter()
            .filter(|command| command.opens_wallet() && self.rules.enabled)
            .map(|command| command.user_id.as_str())
            .collect();
        if openers.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids = openers.iter().map(|_| Uuid::now_v7()).collect();
        let mut values = self.rows(vec![Column::Id(ids), texts(openers)]);
        values.push(bulk::instant(self.backend(), self.now));
        let rows = self
            .query("prepare wallets", &sql::PREPARE_WALLETS, values)
            .await?;
        rows.iter().map(|row| get(row, "user_id")).collect()
    }

    async fn lock_wallets(&self, users: &BTreeSet<&str>) -> Result<Vec<Wallet>, StoreError> {
        let values = self.rows(vec![texts(users.iter().copied())]);
        let rows = self
            .query("lock wallets", &sql::LOCK_WALLETS, values)
            .await?;
        rows.iter().map(wallet).collect()
    }

    async fn records(&self, commands: &[Command], book: &mut Book) -> Result<(), StoreError> {
        let stored = commands
            .iter()
            .filter(|command| !matches!(command.action, Action::Expire(_)));
        let references: BTreeSet<(&str, &str, Option<&str>)> = stored
            .map(|command| {
                let owner = self.rules.references.owner(command.sender.as_deref());
                (
                    command.origin.as_str(),
                    command.reference_id.as_str(),
                    owner,
                )
            })
            .collect();
        if references.is_empty() {
            return Ok(());
        }
        let senders = references
            .iter()
            .map(|(_, _, owner)| match self.rules.references {
                References::PerOrigin => None,
                References::PerSender => Some(owner.unwrap_or_default()),
            });
        let values = self.rows(vec![
            texts(references.iter().map(|(origin, _, _)| *origin)),
            texts(references.iter().map(|(_, id, _)| *id)),
            Column::texts(senders),
        ]);
        for command in self.recorded(values).await? {
            let record = Record {
                fingerprint: command.fingerprint,
                outcome: Outcome::from_transactions(command.transactions, None),
            };
            let owner = self.rules.references.owner(command.sender.as_deref());
            let owner = owner.map(str::to_owned);
            book.add_record(command.origin, owner, command.reference_id, record);
        }
        Ok(())
    }

    /// Reads stored commands by the parameters of [`sql::KNOWN_REFERENCES`].
    pub(super) async fn recorded(
        &self,
        references: Vec<Value>,
    ) -> Result<Vec<RecordedCommand>, StoreError> {
        let rows = self
            .query("look up references", &sql::KNOWN_REFERENCES, references)
            .await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let recorded = rows.iter().map(recorded_command);
        let mut recorded = recorded.collect::<Result<Vec<_>, _>>()?;
        // The command of each transaction, as an index.
        let mut command_of: HashMap<Uuid, usize> = HashMap::new();
        for (index, command) in recorded.iter().enumerate() {
            command_of.extend(command.transactions.iter().map(|own| (own.id, index)));
        }
        let ids = self.rows(vec![Column::Id(command_of.keys().copied().collect())]);
        for row in self
            .query("read related transactions", &sql::RELATED_TRANSACTIONS, ids)
            .await?
        {
            let related = recorded_transaction(&row)?;
            let cause: Option<Uuid> = get(&row, "related_id")?;
            if let Some(index) = cause.and_then(|id| command_of.get(&id).copied()) {
                command_of.insert(related.id, index);
                recorded[index].transactions.push(related);
            }
        }
        let ids = self.rows(vec![Column::Id(command_of.keys().copied().collect())]);
        for row in self
            .query("read allocations", &read::sql::ALLOCATIONS, ids)
            .await?
        {
            let id: Uuid = get(&row, "transaction_id")?;
            let transaction = command_of.get(&id).and_then(|index| {
                let mut transactions = recorded[*index].transactions.iter_mut();
                transactions.find(|transaction| transaction.id == id)
            });
            if let Some(transaction) = transaction {
                transaction.allocations.push(allocation(&row)?);
            }
        }
        Ok(recorded)
    }

    async fn registered(&self, commands: &[Command], book: &mut Book) -> Result<(), StoreError> {
        let users: BTreeSet<&str> = commands
            .iter()
            .filter(|command| matches!(command.action, Action::RegistrationBonus))
            .map(|command| command.user_id.as_str())
            .collect();
        if users.is_empty() {
            return Ok(());
        }
        let values = self.rows(vec![texts(users)]);
        for row in self
            .query("look up registrations", &sql::REGISTERED, values)
            .await?
        {
            book.add_registered(get(&row, "user_id")?);
        }
        Ok(())
    }

    /// Reads which payments of the purchases were credited before.
    async fn credited_payments(
        &self,
        commands: &[Command],
        book: &mut Book,
    ) -> Result<(), StoreError> {
        let payments: BTreeSet<PaymentKey> = commands
            .iter()
            .filter_map(PaymentKey::from_command)
            .collect();
        if payments.is_empty() {
            return Ok(());
        }
        let ids = texts(payments.iter().map(|payment| payment.purchase_id.as_str()));
        let lines = payments
            .iter()
            .map(|payment| payment.purchase_line.as_deref());
        let lines = texts(lines.map(Option::unwrap_or_default));
        let values = self.rows(vec![ids, lines]);
        for row in self
            .query("look up payments", &sql::CREDITED_PAYMENTS, values)
            .await?
        {
            let (payment, credited) = credited_payment(&row)?;
            book.add_payment(payment, credited);
        }
        Ok(())
    }

    /// Reads the subscriptions that the commands name, and all subscriptions of a user if a command
    /// is about a subscription or a period is due.
    async fn subscriptions(
        &self,
        commands: &[Command],
        wallets: &[Wallet],
        book: &mut Book,
    ) -> Result<(), StoreError> {
        let due = wallets
            .iter()
            .filter(|wallet| self.rules.enabled && wallet.is_due(self.now));
        let mut users: BTreeSet<&str> = due.map(|wallet| wallet.user_id.as_str()).collect();
        let mut ids = BTreeSet::new();
        for command in commands {
            let subscription_id = match &command.action {
                Action::Subscription(update) => Some(update.subscription_id.as_str()),
                Action::MonthlyGrant(grant) => Some(grant.subscription_id.as_str()),
                // It opens the free subscription, which another subscription of the user may cover.
                Action::RegistrationBonus => None,
                _ => continue,
            };
            users.insert(command.user_id.as_str());
            ids.extend(subscription_id);
        }
        if users.is_empty() {
            return Ok(());
        }
        let statement = stored_subscriptions::statement(self.backend(), users, ids);
        let rows = self
            .timeout
            .wait(
                "read subscriptions",
                self.connection.query_all_raw(statement),
            )
            .await?;
        for subscription in stored_subscriptions::from_rows(&rows)? {
            book.add_subscription(subscription?);
        }
        Ok(())
    }

    pub(super) fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    pub(super) fn rows(&self, columns: Vec<Column>) -> Vec<Value> {
        bulk::rows(self.backend(), columns)
    }

    pub(super) async fn query(
        &self,
        doing: &'static str,
        sql: &Sql,
        values: Vec<Value>,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let backend = self.backend();
        let statement = Statement::from_sql_and_values(backend, sql.text(backend), values);
        self.timeout
            .wait(doing, self.connection.query_all_raw(statement))
            .await
    }
}

pub(super) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Column {
    Column::Text(values.into_iter().map(ToOwned::to_owned).collect())
}
