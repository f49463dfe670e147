//! The scope in which references are unique (`senders.references`): sets it, and compares it.

use ledger::References;
use migration::ReferenceKey;

use super::failure::{Doing, Failure};
use crate::{config::Settings, store::Store};

/// Sets the scope of references to the configured one. Fails if the ledger has commands and another
/// scope.
pub async fn set(settings: &Settings, store: &Store) -> Result<(), Failure> {
    let configured = configured(settings);
    migration::set_reference_key(store.connection(), configured)
        .await
        .doing(format!(
            "set `senders.references` to \"{}\": this ledger has \"{}\"",
            name(configured),
            name(other(configured))
        ))?;
    Ok(())
}

/// Fails if the ledger has another scope of references than the configuration.
pub async fn require(settings: &Settings, store: &Store) -> Result<(), Failure> {
    let configured = configured(settings);
    let found = migration::reference_key(store.connection())
        .await
        .doing("read the scope of references")?;
    if found == configured {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`senders.references` is \"{}\", but this ledger has \"{}\"; set the key to \"{}\", or, if \
         the ledger has no commands yet, run `scrip migrate up`",
        name(configured),
        name(found),
        name(found)
    )))
}

fn configured(settings: &Settings) -> ReferenceKey {
    match settings.senders.references {
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
