//! Entries of the audit log: an action is recorded before it is done, and again when it has ended.

use serde_json::{Map, Value};
use tracing::warn;
use uuid::Uuid;

use super::actor::{ActorArgs, system_user};
use crate::{
    app::host_name,
    audit_log::{IntendedAction, OperatorAction},
    cli::{
        context::Context,
        failure::{Doing, Failure},
        print,
    },
    config::Backend,
    read,
    store::Store,
    transport::amqp::{self, AmqpError},
};

/// Longest subject, in bytes; the limit of the table.
const MAX_SUBJECT_BYTES: usize = 255;
/// Longest user id, in bytes; the limit of the table.
const MAX_USER_BYTES: usize = 200;
/// Longest error in an entry, in bytes.
const MAX_ERROR_BYTES: usize = 2_000;

const UNRECORDED: &str = "the audit log has no entry of this, because DATABASE_URL is missing; to \
     get one, set DATABASE_URL to the database of the ledger, with a role that may add to the log, \
     such as that of the worker (`scrip migrate grants`)";

const OTHER_LEDGER: &str =
    "nothing was done: its entry would be in the audit log of another ledger";

const NOTHING_WAS_DONE: &str = "nothing was done: an action is first recorded in the audit log, \
     which is in the database of the ledger; set DATABASE_URL to it, with a role that may add to \
     the log, such as that of the worker (`scrip migrate grants`)";

/// An action that is about to be done.
#[derive(Debug)]
pub struct Intention {
    pub action: OperatorAction,
    /// The reference, job, file or namespace that the action is about.
    pub subject: Option<String>,
    /// The user whose wallet the action is about.
    pub user_id: Option<String>,
    /// The request: arguments and filters of the command.
    pub detail: Map<String, Value>,
}

/// How an action ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// Whether the exit code is 0. An action that ended with an error is recorded as failed in any
    /// case.
    pub completed: bool,
    /// The result: counts, dead letters or outcome, including the work done before an error.
    pub detail: Value,
}

/// The entry of an action that is recorded as begun. [`Entry::end`] records its end.
///
/// `None` if the action is not recorded.
#[derive(Debug)]
#[must_use = "the end of an action has to be recorded"]
pub struct Entry(Option<(Store, Uuid)>);

impl Entry {
    /// Records that an action begins. If this fails, the action must not be done.
    pub async fn begin(
        context: &Context,
        actor: &ActorArgs,
        intention: Intention,
    ) -> Result<Self, Failure> {
        let unrecorded = |failure: Failure| failure.with_advice(NOTHING_WAS_DONE);
        let store = context.ledger().await.map_err(unrecorded)?;
        compare_ledgers(context, &store, intention.action).await?;
        let begun = Self::record(store, actor, intention).await;
        begun.map_err(unrecorded)
    }

    /// Works as [`Entry::begin`], but without `DATABASE_URL` it records nothing and prints a
    /// warning.
    ///
    /// It is for commands that apps and bridges use, too, whose credentials do not reach the
    /// ledger.
    pub async fn begin_where_configured(
        context: &Context,
        actor: &ActorArgs,
        intention: Intention,
    ) -> Result<Self, Failure> {
        let settings = &context.settings;
        if settings.amqp.is_none() || settings.database.url.is_some() {
            return Self::begin(context, actor, intention).await;
        }
        print::warning(UNRECORDED);
        Ok(Self(None))
    }

    async fn record(
        store: Store,
        actor: &ActorArgs,
        intention: Intention,
    ) -> Result<Self, Failure> {
        let actor = actor.name()?;
        let mut detail = intention.detail;
        detail.insert("systemUser".to_owned(), system_user().into());
        detail.insert("host".to_owned(), host_name().into());
        let subject = intention.subject.as_deref();
        let subject = subject.map(|text| cut(text, MAX_SUBJECT_BYTES));
        let user_id = intention.user_id.as_deref();
        let user_id = user_id.map(|text| cut(text, MAX_USER_BYTES));
        let intended = IntendedAction {
            actor: &actor,
            action: intention.action,
            subject: subject.as_deref().filter(|text| !text.is_empty()),
            user_id: user_id.as_deref().filter(|text| !text.is_empty()),
            detail: &Value::Object(detail),
        };
        let id = store.begin_action(&intended).await?;
        Ok(Self(Some((store, id))))
    }

    /// Records how the action ended: its result, and the error that ended it, if any. The caller
    /// returns that error.
    pub async fn end<T>(self, result: &Result<T, Failure>, ending: Ending) -> Result<(), Failure> {
        let Some((store, id)) = self.0 else {
            return Ok(());
        };
        let Ending {
            mut completed,
            mut detail,
        } = ending;
        if let Err(failure) = result {
            completed = false;
            detail["error"] = cut(&failure.message(), MAX_ERROR_BYTES).into();
        }
        let ended = store.end_action(id, completed, &detail).await;
        if let Err(error) = &ended {
            warn!(%id, %error, "end of an action not recorded in the audit log");
        }
        ended.doing(format!(
            "complete the entry {id} of the audit log, whose action was done"
        ))
    }
}

/// Fails if the namespace on the broker belongs to another ledger than the one that gets the entry.
async fn compare_ledgers(
    context: &Context,
    store: &Store,
    action: OperatorAction,
) -> Result<(), Failure> {
    // A claim is for a namespace of another ledger, a job has already compared the ledgers, and a
    // token belongs to the database alone.
    if matches!(
        action,
        OperatorAction::TopologyClaim
            | OperatorAction::JobRun
            | OperatorAction::TokenCreate
            | OperatorAction::TokenRevoke
    ) {
        return Ok(());
    }
    let Ok(Backend::Servers { amqp: url, .. }) = context.settings.backend() else {
        return Ok(());
    };
    let id = read::ledger_id(store).await?;
    let doing = format!("connect to {url} and compare its ledger with that of DATABASE_URL");
    match amqp::compare_claimed_ledger_at(url.expose(), &context.settings.topology()?, id).await {
        // The accounts of bridges and apps have no permission to compare.
        Err(AmqpError::LedgerQueueForbidden { queue, .. }) => {
            print::warning(&format!(
                "this user of the broker may not declare `{queue}`, so the ledger of DATABASE_URL \
                 was not compared with that of the namespace; the entry is in the audit log of \
                 DATABASE_URL"
            ));
            Ok(())
        }
        Err(error @ AmqpError::OtherLedger(_)) => {
            let step = "compare the ledger of DATABASE_URL with that of the namespace";
            Err(Failure::cannot(step, error).with_advice(OTHER_LEDGER))
        }
        compared => compared.doing(doing),
    }
}

/// Cuts a text to `max_bytes`, and replaces U+0000, which PostgreSQL does not store in texts.
pub fn cut(text: &str, max_bytes: usize) -> String {
    let text = text.replace('\0', "\u{fffd}");
    if text.len() <= max_bytes {
        return text;
    }
    let mut end = max_bytes.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("a\0c", 5), "a\u{fffd}c");
        for text in [
            "é".repeat(200),
            format!("a{}", "é".repeat(200)),
            "\0".repeat(99),
        ] {
            let cut = cut(&text, 255);
            assert!((250..=255).contains(&cut.len()), "{}", cut.len());
            assert!(cut.ends_with('…') || text.starts_with('\0'), "{cut}");
        }
    }
}
