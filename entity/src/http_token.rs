//! Tokens of the HTTP API.

use sea_orm::entity::prelude::*;

/// Tokens of the HTTP API.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "http_token")]
pub struct Model {
    /// The id, a UUID of version 7. It is a part of the token and no secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// A name for people, such as the app that has the token.
    pub name: String,
    /// `app`, `bridge` or `admin`.
    pub role: String,
    /// The SHA-256 of the secret part of the token.
    pub secret_hash: Vec<u8>,
    /// Prefixes of the user ids that the token may name, as a list. `None`: any user.
    pub user_prefixes: Option<Json>,
    /// Services that the token may name, as a list. `None`: any service.
    pub services: Option<Json>,
    /// Requests per second. `None`: the default of the server.
    pub rate: Option<i32>,
    /// The operator who created it.
    pub created_by: String,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// The first instant at which it is not valid any more. `None`: never.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was revoked. `None`: never.
    pub revoked_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
