//! PostgreSQL roles with the least privileges: an owner for migrations, a worker for service, a
//! reader for reports.
//!
//! `roles.sql` creates the roles. `grants.sql` grants worker and reader their privileges, column
//! by column. An administrator reviews and runs the whole script. The owner runs the second part
//! after each migration.

use sea_orm::{ConnectionTrait, DbBackend};

use super::{Database, StoreError};

const ROLES: &str = include_str!("roles.sql");
const GRANTS: &str = include_str!("grants.sql");

/// Every table of the schema on PostgreSQL.
const TABLES: &str = "credits_allocation, credits_balance, credits_batch, credits_debt, \
    credits_hold, credits_hold_slice, credits_refund, credits_revocation, credits_transaction, \
    http_token, job_run, delivery_attempt, ledger_identity, operator_action, payment_event, \
    payment_link, payment_wait, scrip_migration, subscription";

/// PostgreSQL truncates longer names.
const MAX_BYTES: usize = 63;

/// The names of the three roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleNames {
    owner: String,
    worker: String,
    reader: String,
}

/// Why role names cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleNameError {
    /// The name is empty, too long, or has other characters than allowed.
    #[error(
        "the role {0:?} cannot be used; allowed are 1 to {MAX_BYTES} letters (a-z, A-Z), digits, \
         `_` and `-`"
    )]
    NotPlain(String),
    /// Two roles have the same name, which would give one role the privileges of both.
    #[error("owner, worker and reader must be three roles; two of them are {0:?}")]
    Same(String),
}

impl RoleNames {
    /// Checks three different names. They consist of letters, digits, `_` and `-`, so that a name
    /// cannot break out of its quotes in the script.
    pub fn new(owner: &str, worker: &str, reader: &str) -> Result<Self, RoleNameError> {
        for name in [owner, worker, reader] {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            if name.is_empty() || name.len() > MAX_BYTES || !name.bytes().all(is_plain) {
                return Err(RoleNameError::NotPlain(name.to_owned()));
            }
        }
        for (one, other) in [(owner, worker), (worker, reader), (reader, owner)] {
            if one == other {
                return Err(RoleNameError::Same(one.to_owned()));
            }
        }
        Ok(Self {
            owner: owner.to_owned(),
            worker: worker.to_owned(),
            reader: reader.to_owned(),
        })
    }

    /// The script for the administrator: it creates the roles and grants their privileges.
    pub fn script(&self) -> String {
        format!("{}\n{}", self.fill(ROLES), self.grants())
    }

    /// The part of the script that the owner may run, too: the privileges of worker and reader.
    fn grants(&self) -> String {
        self.fill(GRANTS)
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{tables}", TABLES)
            .replace("{owner}", &self.owner)
            .replace("{worker}", &self.worker)
            .replace("{reader}", &self.reader)
    }

    /// Grants worker and reader their privileges, as the owner of the tables. Fails on SQLite,
    /// which has no roles.
    pub async fn grant(&self, database: &Database) -> Result<(), StoreError> {
        if database.backend() == DbBackend::Sqlite {
            return Err(StoreError::Url(
                "names a file, which has no roles; allowed is `postgres`".to_owned(),
            ));
        }
        let granted = database
            .connection()
            .execute_unprepared(&self.grants())
            .await;
        let granted = granted.map_err(StoreError::database("grant the roles their privileges"));
        granted.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_a_plain_name_of_its_own() {
        let roles = RoleNames::new("scrip_owner", "scrip-worker", "Reader1").expect("good names");
        let script = roles.script();
        assert!(
            script.contains("GRANT SELECT ON credits_allocation, "),
            "{script}"
        );
        assert!(!script.contains('{'), "{script}");
        let long = "r".repeat(64);
        for name in [
            "",
            "a b",
            "x\"; DROP ROLE y",
            "$roles$",
            "rôle",
            long.as_str(),
        ] {
            let refused = RoleNames::new("scrip_owner", name, "scrip_reader");
            assert_eq!(refused, Err(RoleNameError::NotPlain(name.to_owned())));
        }
        for (owner, worker, reader) in [("a", "a", "b"), ("a", "b", "b"), ("a", "b", "a")] {
            let refused = RoleNames::new(owner, worker, reader);
            assert!(
                matches!(refused, Err(RoleNameError::Same(_))),
                "{refused:?}"
            );
        }
    }
}
