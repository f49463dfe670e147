//! The environment variables with names of their own, and their keys.

pub const LOG_FILTER: &str = "RUST_LOG";
pub const NAMESPACE: &str = "SCRIP_NAMESPACE";
const USER_TOKEN_SECRET: &str = "SCRIP_USER_TOKEN_SECRET";
const STRIPE_SECRETS: &str = "SCRIP_STRIPE_SECRETS";
const CREEM_SECRETS: &str = "SCRIP_CREEM_SECRETS";
/// Variables and their keys.
pub const NAMED: [(&str, &[&str]); 9] = [
    ("DATABASE_URL", &["database", "url"]),
    ("AMQP_URL", &["amqp", "url"]),
    ("REDIS_URL", &["redis", "url"]),
    (NAMESPACE, &["namespace"]),
    ("SCRIP_DATA_DIR", &["data_dir"]),
    (LOG_FILTER, &["logging", "filter"]),
    (USER_TOKEN_SECRET, &["http", "user_token_secret"]),
    (STRIPE_SECRETS, &["payments", "stripe", "secrets"]),
    (CREEM_SECRETS, &["payments", "creem", "secrets"]),
];
/// Secrets that may also be read from a file: variable, variable with the path of the file, key.
pub const IN_FILES: [(&str, &str, &[&str]); 6] = [
    ("DATABASE_URL", "DATABASE_URL_FILE", &["database", "url"]),
    ("AMQP_URL", "AMQP_URL_FILE", &["amqp", "url"]),
    ("REDIS_URL", "REDIS_URL_FILE", &["redis", "url"]),
    (
        USER_TOKEN_SECRET,
        "SCRIP_USER_TOKEN_SECRET_FILE",
        &["http", "user_token_secret"],
    ),
    (
        STRIPE_SECRETS,
        "SCRIP_STRIPE_SECRETS_FILE",
        &["payments", "stripe", "secrets"],
    ),
    (
        CREEM_SECRETS,
        "SCRIP_CREEM_SECRETS_FILE",
        &["payments", "creem", "secrets"],
    ),
];
