//! Tokens of the API.
//!
//! | file | content |
//! |---|---|
//! | `secret` | the text of a token: it is made, read and compared here |
//! | `scope` | the users and services that a token may name |
//! | `table` | the stored tokens |
//! | `cache` | the tokens of recent requests |

mod cache;
mod scope;
mod secret;
mod table;

use chrono::{DateTime, Utc};
use producer_sdk::contract::Origin;
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

pub use cache::{TokenCache, TokenError};
pub use scope::Scope;
pub use secret::{MAX_TOKEN_BYTES, SecretHash, TokenText};
pub use table::{NewToken, create, find, list, revoke};

/// The rights of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum TokenRole {
    /// Operations of the operator: everything that apps and bridges may do.
    Admin,
    /// An app: sends the commands of the origin `usage`.
    App,
    /// A payment bridge or a back office: sends the commands of the origin `funding`.
    Bridge,
}

impl TokenRole {
    /// The name in the table and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The origins through which it may send commands.
    pub const fn origins(self) -> &'static [Origin] {
        match self {
            Self::Admin => &[Origin::Usage, Origin::Funding],
            Self::App => &[Origin::Usage],
            Self::Bridge => &[Origin::Funding],
        }
    }
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The id, which is part of the token's text and no secret.
    pub id: Uuid,
    /// A name for people.
    pub name: String,
    pub role: TokenRole,
    /// The users and services that it may name.
    pub scope: Scope,
    /// Requests per second. `None`: the default of the server.
    pub rate: Option<u32>,
    /// The operator who created it.
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    /// The first instant at which it is not valid any more. `None`: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked. `None`: never.
    pub revoked_at: Option<DateTime<Utc>>,
    pub(super) secret_hash: SecretHash,
}

impl Token {
    /// Whether it may be used at an instant.
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}
