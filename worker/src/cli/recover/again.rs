//! Reads retained commands, publishes those again that the ledger lacks, and waits until they are
//! decided.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use ledger::{Action, References};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    cli::{
        context::Context,
        failure::{Doing, Failure},
        progress,
    },
    position::earlier,
    rate_limit::rate_limit,
    read::{Reference, decided_references},
    senders::SenderPolicy,
    store::Store,
    transport::amqp::{Retained, RetainedCommand},
};

/// Commands that are looked up, published and confirmed together.
const PAGE: usize = 200;
/// Commands that are looked up together while they are awaited.
const LOOKED_UP: usize = 1_000;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Time without a further decision after which the rest counts as undecided.
const QUIET: Duration = Duration::from_secs(10);
/// Number of references that are named in reports.
const MAX_NAMED: usize = 100;

/// What became of the commands of the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Retained commands of the range.
    pub read: u64,
    /// Of these, the ones that the ledger had.
    pub known: u64,
    /// Of these, the ones that it lacked, each reference once.
    pub missing: u64,
    /// Of the missing ones, those that were published again.
    pub published: u64,
    /// Of the published ones, those that are completed.
    pub applied: u64,
    /// Of the published ones, those that are refused.
    pub refused: u64,
}

/// Commands that are applied again.
pub struct Again<'a> {
    store: &'a Store,
    retained: &'a Retained,
    references: References,
    senders: &'a SenderPolicy,
    rate: Option<u32>,
    pub counts: Counts,
    /// When the first of the missing commands had arrived.
    pub first_arrived: Option<DateTime<Utc>>,
    /// Whether no command before the first of these was in the ledger.
    pub begins_with_missing: bool,
    /// Every missing reference.
    seen: HashSet<Reference>,
    /// The missing references, in their order, without those that are decided since.
    pub undecided: Vec<Reference>,
}

impl<'a> Again<'a> {
    /// Publishes at most `rate` commands per second.
    pub fn new(
        context: &'a Context,
        store: &'a Store,
        retained: &'a Retained,
        rate: Option<u32>,
    ) -> Self {
        let senders = &context.settings.senders;
        Self {
            store,
            retained,
            references: senders.references,
            senders: &senders.policy,
            rate,
            counts: Counts::default(),
            first_arrived: None,
            begins_with_missing: false,
            seen: HashSet::new(),
            undecided: Vec::new(),
        }
    }

    /// Reads the range. With `publish`, publishes the commands that the ledger lacks.
    pub async fn read(
        &mut self,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        publish: bool,
    ) -> Result<(), Failure> {
        let doing = "read retained commands";
        let began = Instant::now();
        let bar = progress::counter("retained commands");
        let mut reader = self.retained.read(from, to).await.doing(doing)?;
        loop {
            let page = reader.next_page(self.page_size()).await.doing(doing)?;
            if page.is_empty() {
                break;
            }
            bar.inc(page.len() as u64);
            let lost = self.lost(page).await?;
            if publish && !lost.is_empty() {
                rate_limit(began, self.counts.published, self.rate).await;
                let published = self.retained.publish(&lost).await;
                published.doing("publish retained commands again")?;
                self.counts.published += lost.len() as u64;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn page_size(&self) -> usize {
        let a_second = self.rate.and_then(|rate| usize::try_from(rate).ok());
        a_second.map_or(PAGE, |count| count.min(PAGE))
    }

    /// The commands of a page that the ledger lacks.
    async fn lost(
        &mut self,
        mut page: Vec<RetainedCommand>,
    ) -> Result<Vec<RetainedCommand>, Failure> {
        page.retain(|one| self.is_to_apply(one));
        let references: Vec<Reference> = page.iter().map(|one| self.reference(one)).collect();
        let decided = decided_references(self.store.database(), &references).await?;
        let mut lost = Vec::new();
        for ((command, reference), decided) in page.into_iter().zip(references).zip(decided) {
            self.counts.read += 1;
            if decided.is_some() {
                self.counts.known += 1;
            } else if self.seen.insert(reference.clone()) {
                self.counts.missing += 1;
                self.undecided.push(reference);
                self.begins_with_missing |= self.counts.known == 0;
                self.first_arrived = earlier(self.first_arrived, Some(command.arrived));
                lost.push(command);
            }
        }
        Ok(lost)
    }

    /// Whether a worker applies the command. An expiration has no reference, and the next job
    /// repeats it.
    fn is_to_apply(&self, retained: &RetainedCommand) -> bool {
        let command = &retained.command;
        let sender = command.sender.as_deref();
        !matches!(command.action, Action::Expire(_))
            && self.senders.check_command(sender, command).is_ok()
    }

    fn reference(&self, retained: &RetainedCommand) -> Reference {
        let command = &retained.command;
        let owner = self.references.owner(command.sender.as_deref());
        Reference {
            origin: command.origin.as_str(),
            id: command.reference_id.clone(),
            sender: match self.references {
                References::PerOrigin => None,
                References::PerSender => Some(owner.unwrap_or_default().to_owned()),
            },
        }
    }

    /// Waits until the published commands are decided. Ends if none is decided for some time: the
    /// rest is refused without a trace, is a dead letter, or still waits for a worker.
    pub async fn wait(&mut self) -> Result<(), Failure> {
        let mut progress = Instant::now();
        while !self.undecided.is_empty() && progress.elapsed() < QUIET {
            if self.look_up().await? {
                progress = Instant::now();
            }
            if !self.undecided.is_empty() {
                sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Counts the commands that are decided by now. Returns whether there are any.
    async fn look_up(&mut self) -> Result<bool, Failure> {
        let before = self.undecided.len();
        let mut left = Vec::new();
        for some in self.undecided.chunks(LOOKED_UP) {
            let decided = decided_references(self.store.database(), some).await?;
            for (reference, decided) in some.iter().zip(decided) {
                match decided {
                    Some(true) => self.counts.applied += 1,
                    Some(false) => self.counts.refused += 1,
                    None => left.push(reference.clone()),
                }
            }
        }
        self.undecided = left;
        Ok(self.undecided.len() < before)
    }

    /// The first undecided references, for reports.
    pub fn first_undecided(&self) -> Vec<Value> {
        let first = self.undecided.iter().take(MAX_NAMED);
        first
            .map(|one| json!({ "origin": one.origin, "referenceId": one.id, "sender": one.sender }))
            .collect()
    }
}
