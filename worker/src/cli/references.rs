//! Whether the ledger keeps references apart as the configuration says.

use ledger::References;
use migration::ReferenceKey;

use super::{
    context::Context,
    failure::{Doing, Failure},
};
use crate::store::Store;

/// Makes references unique within what the configuration says, which a ledger without commands takes only.
pub async fn set(context: &Context, store: &Store) -> Result<(), Failure> {
    let wanted = wanted(context);
    migration::set_reference_key(store.connection(), wanted)
        .await
        .doing(format!(
            "set `senders.references` to \"{}\", while this ledger has \"{}\"",
            name(wanted),
            name(other(wanted))
        ))?;
    Ok(())
}

/// Fails where references are unique within something else than the configuration says.
pub async fn require(context: &Context, store: &Store) -> Result<(), Failure> {
    let wanted = wanted(context);
    let found = migration::reference_key(store.connection())
        .await
        .doing("read what makes references unique")?;
    if found == wanted {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`senders.references` is \"{}\", but this ledger has \"{}\": set the key to that, or, while the ledger has no \
         commands yet, run `scrip migrate up`",
        name(wanted),
        name(found)
    )))
}

fn wanted(context: &Context) -> ReferenceKey {
    match context.settings.senders.references {
        References::PerOrigin => ReferenceKey::Origin,
        References::PerSender => ReferenceKey::OriginAndSender,
    }
}

const fn other(key: ReferenceKey) -> ReferenceKey {
    match key {
        ReferenceKey::Origin => ReferenceKey::OriginAndSender,
        ReferenceKey::OriginAndSender => ReferenceKey::Origin,
    }
}

const fn name(key: ReferenceKey) -> &'static str {
    match key {
        ReferenceKey::Origin => "per_origin",
        ReferenceKey::OriginAndSender => "per_sender",
    }
}
