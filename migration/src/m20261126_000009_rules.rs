//! The same checks as before, as constraints of domains.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// The same checks under the same names, as constraints of domains over the checked fields.
///
/// PostgreSQL parses and plans the checks of a table again for each statement that writes the
/// table, which took a third of the time of a small group. It parses those of a domain once per
/// connection. Existing rows fulfil the checks, so they are validated later. SQLite parses its
/// checks once.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The checks of a table.
struct Rules {
    table: &'static str,
    /// The checked columns, with their types.
    fields: &'static [(&'static str, &'static str)],
    /// Name and condition. Each column in a condition has the prefix `@`.
    checks: &'static [(&'static str, &'static str)],
}

const ALL: [Rules; 4] = [
    Rules {
        table: "credits_balance",
        fields: &[
            ("user_id", "text"),
            ("balance", "bigint"),
            ("held", "bigint"),
            ("total_earned", "bigint"),
            ("total_spent", "bigint"),
            ("transaction_count", "bigint"),
            ("version", "bigint"),
            ("status", "text"),
        ],
        checks: &[
            ("user_id_length", "octet_length(@user_id) BETWEEN 1 AND 200"),
            ("not_negative", "@balance >= 0"),
            ("held_within_balance", "@held = 0 OR @held BETWEEN 1 AND @balance"),
            (
                "totals_not_negative",
                "LEAST(@total_earned, @total_spent, @transaction_count, @version) >= 0",
            ),
            ("status_known", "@status = ANY ('{ACTIVE,FROZEN}'::text[])"),
        ],
    },
    Rules {
        table: "credits_batch",
        fields: &[
            ("user_id", "text"),
            ("amount", "bigint"),
            ("remaining", "bigint"),
            ("held", "bigint"),
            ("status", "text"),
            ("source_type", "text"),
            ("grant_period", "text"),
            ("paid_micros", "bigint"),
            ("expirations", "integer"),
        ],
        checks: &[
            ("user_id_length", "octet_length(@user_id) BETWEEN 1 AND 200"),
            ("amount_in_range", "@amount BETWEEN 1 AND 1000000000000000"),
            ("remaining_within_amount", "@remaining BETWEEN 0 AND @amount"),
            ("held_within_remaining", "@held BETWEEN 0 AND @remaining"),
            (
                "status_known",
                "@status = ANY ('{ACTIVE,CONSUMED,EXPIRED,REVOKED}'::text[])",
            ),
            (
                "active_while_something_remains",
                "(@status = 'ACTIVE') = (@remaining > 0)",
            ),
            (
                "source_known",
                "@source_type = ANY ('{PURCHASE,SUBSCRIPTION,BONUS}'::text[])",
            ),
            ("grant_period_is_a_month", "@grant_period LIKE '____-__'"),
            ("paid_not_negative", "@paid_micros >= 0"),
            ("expirations_not_negative", "@expirations >= 0"),
        ],
    },
    Rules {
        table: "credits_transaction",
        fields: &[
            ("user_id", "text"),
            ("type", "text"),
            ("amount", "bigint"),
            ("debit_account", "text"),
            ("credit_account", "text"),
            ("origin", "text"),
            ("reference_id", "text"),
            ("fingerprint", "bytea"),
            ("status", "text"),
            ("error_code", "text"),
            ("balance_after", "bigint"),
            ("quantity", "bigint"),
        ],
        checks: &[
            ("user_id_length", "octet_length(@user_id) BETWEEN 1 AND 200"),
            // A derived reference contains another reference or an id of up to 200 bytes.
            (
                "reference_id_length",
                "octet_length(@reference_id) BETWEEN 1 AND CASE @origin WHEN 'internal' THEN 255 ELSE 200 END",
            ),
            ("origin_known", "@origin = ANY ('{usage,funding,internal}'::text[])"),
            ("fingerprint_length", "octet_length(@fingerprint) = 17"),
            ("fingerprint_present", "@fingerprint IS NOT NULL OR @origin = 'internal'"),
            ("status_known", "@status = ANY ('{COMPLETED,FAILED}'::text[])"),
            // The last line has commands that move no credits but may be refused. No account fits
            // them.
            (
                "type_known",
                "@type = ANY ('{
                    consumption,purchase,bonus,monthly_grant,promotion,registration_bonus,expiration,refund,revocation,
                    hold,capture,release,freeze,unfreeze,subscription}'::text[])",
            ),
            (
                "amount_in_range",
                "@amount BETWEEN -1000000000000000 AND 1000000000000000",
            ),
            (
                "sign_fits_type",
                "@amount = 0 OR (@amount < 0) = (@type = ANY ('{consumption,expiration,revocation}'::text[]))",
            ),
            (
                "failed_moves_nothing",
                "@status <> 'FAILED' OR (@amount = 0 AND @error_code IS NOT NULL)",
            ),
            ("completed_has_no_error", "@status <> 'COMPLETED' OR @error_code IS NULL"),
            (
                "completed_has_balance",
                "@status <> 'COMPLETED' OR @balance_after IS NOT NULL",
            ),
            ("balance_after_not_negative", "@balance_after >= 0"),
            (
                "accounts_with_amount",
                "(@amount = 0) = (@debit_account IS NULL) AND (@amount = 0) = (@credit_account IS NULL)",
            ),
            // If no credits move, the result is NULL, which a check accepts.
            (
                "wallet_side_fits_sign",
                "CASE WHEN @amount > 0 THEN @credit_account WHEN @amount < 0 THEN @debit_account END
                    = 'WALLET:' || @user_id",
            ),
            (
                "other_account_fits_type",
                "@amount = 0
                    OR @type || ' ' || CASE WHEN @amount < 0 THEN @credit_account ELSE @debit_account END LIKE ANY ('{
                        consumption SERVICE:%,purchase PAYMENT:%,bonus SYSTEM:purchase-bonus,
                        monthly_grant SYSTEM:subscription-grant,promotion SYSTEM:promotion,
                        registration_bonus SYSTEM:registration-bonus,expiration SYSTEM:expiration,
                        refund SERVICE:%,revocation SERVICE:%,revocation PAYMENT:%,revocation SYSTEM:%}'::text[])",
            ),
            ("quantity_positive", "@quantity >= 1"),
        ],
    },
    Rules {
        table: "credits_allocation",
        fields: &[("amount", "bigint"), ("batch_remaining", "bigint")],
        checks: &[
            (
                "amount_in_range",
                "@amount <> 0 AND @amount BETWEEN -1000000000000000 AND 1000000000000000",
            ),
            (
                "remaining_in_range",
                "@batch_remaining BETWEEN 0 AND 1000000000000000",
            ),
        ],
    },
];

impl Rules {
    /// Moves the checks from the table to a domain.
    fn up(&self) -> String {
        let table = self.table;
        let fields = self
            .fields
            .iter()
            .map(|(name, kind)| format!("{name} {kind}"));
        let names = self.fields.iter().map(|(name, _)| (*name).to_owned());
        let rules = self.each(|name, condition| {
            let condition = condition.replace('@', "(VALUE).");
            format!("CONSTRAINT {table}_{name} CHECK ({condition})")
        });
        let drops = self.each(|name, _| format!("DROP CONSTRAINT {table}_{name}"));
        format!(
            "CREATE TYPE {table}_fields AS ({fields});
            CREATE DOMAIN {table}_rules AS {table}_fields {rules};
            ALTER TABLE {table} {drops}, ADD CONSTRAINT {table}_keeps_rules
              CHECK (ROW({names})::{table}_fields::{table}_rules IS DISTINCT FROM NULL) NOT VALID;",
            fields = joined(fields, ", "),
            names = joined(names, ", "),
            rules = joined(rules, " "),
            drops = joined(drops, ", "),
        )
    }

    /// Moves the checks from the domain back to the table.
    fn down(&self) -> String {
        let table = self.table;
        let checks = self.each(|name, condition| {
            let condition = condition.replace('@', "");
            format!("ADD CONSTRAINT {table}_{name} CHECK ({condition}) NOT VALID")
        });
        format!(
            "ALTER TABLE {table} DROP CONSTRAINT {table}_keeps_rules, {checks};
            DROP DOMAIN {table}_rules;
            DROP TYPE {table}_fields;",
            checks = joined(checks, ", "),
        )
    }

    fn each(&self, text: impl Fn(&str, &str) -> String) -> impl Iterator<Item = String> {
        self.checks
            .iter()
            .map(move |(name, condition)| text(name, condition))
    }
}

fn joined(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, Rules::up).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, Rules::down).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: fn(&Rules) -> String) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let statements = joined(ALL.iter().map(statements), "\n");
    manager
        .get_connection()
        .execute_unprepared(&statements)
        .await?;
    Ok(())
}
