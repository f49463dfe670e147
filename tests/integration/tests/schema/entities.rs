//! Every entity reads back what it wrote, on both databases.

use std::fmt::Debug;

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, DbBackend, EntityTrait, IntoActiveModel, ModelTrait,
    PrimaryKeyTrait,
    prelude::{DateTimeUtc, Json, Uuid},
};
use serde_json::json;
use testkit::db::TestDatabase;

/// An instant with a fraction of six decimals, the format that SQLite needs.
fn at(second: i64) -> DateTimeUtc {
    DateTimeUtc::from_timestamp(1_795_341_600 + second, 123_457_000).expect("in range")
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn data() -> Json {
    json!({"model": "m", "tokens": [1, 2.5, null], "nested": {"ä\"\\": "\u{1F600}"}})
}

async fn round_trips<M>(database: &TestDatabase, model: M)
where
    M: ModelTrait
        + Clone
        + Debug
        + PartialEq
        + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    M::Entity: EntityTrait<Model = M>,
    <M::Entity as EntityTrait>::ActiveModel:
        ActiveModelTrait<Entity = M::Entity> + ActiveModelBehavior + Send,
    <<M::Entity as EntityTrait>::PrimaryKey as PrimaryKeyTrait>::ValueType: Send,
{
    let active = model.clone().into_active_model().reset_all();
    M::Entity::insert(active)
        .exec_without_returning(database.connection())
        .await
        .expect("inserts");
    let stored = M::Entity::find()
        .all(database.connection())
        .await
        .expect("reads");
    assert_eq!(stored, [model], "{:?}", database.backend());
}

#[tokio::test]
async fn every_entity_of_the_ledger_round_trips() {
    for database in &TestDatabase::each_migrated().await {
        let wallet = entity::credits_balance::Model {
            id: id(1),
            user_id: "Ünï\u{1F600}".into(),
            balance: i64::MAX,
            held: 3,
            total_earned: 4,
            total_spent: 5,
            transaction_count: 6,
            status: "FROZEN".into(),
            version: 7,
            created_at: at(1),
            updated_at: at(2),
            next_due_at: Some(at(3)),
            holds_end_at: Some(at(4)),
            debt: 8,
        };
        round_trips(database, wallet).await;
        let batch = entity::credits_batch::Model {
            id: id(2),
            user_id: "u".into(),
            amount: 1_000_000_000_000_000,
            remaining: 2,
            held: 1,
            issued_at: at(1),
            expires_at: Some(at(2)),
            status: "ACTIVE".into(),
            source_type: "SUBSCRIPTION".into(),
            source_plan: Some("pro".into()),
            grant_period: Some("2026-11".into()),
            paid_micros: Some(9_990_000),
            currency: Some("USD".into()),
            transaction_id: id(3),
            deposit_id: Some(id(8)),
            expirations: 4,
            created_at: at(3),
            updated_at: at(4),
        };
        round_trips(database, batch).await;
        let transaction = entity::credits_transaction::Model {
            id: id(3),
            user_id: "u".into(),
            kind: "consumption".into(),
            amount: -5,
            debit_account: Some("WALLET:u".into()),
            credit_account: Some("SERVICE:s".into()),
            origin: "usage".into(),
            reference_id: "r".into(),
            fingerprint: Some((0..17).collect()),
            status: "COMPLETED".into(),
            error_code: None,
            balance_after: Some(2),
            service: Some("s".into()),
            quantity: Some(2417),
            purchase_id: Some("pi_1".into()),
            purchase_line: Some("1".into()),
            duplicate_of: Some(id(5)),
            subscription_id: Some("sub_1".into()),
            period_start: Some(at(1)),
            related_id: Some(id(4)),
            description: Some("Ünï\u{1F600}".into()),
            metadata: Some(data()),
            detail: Some(data()),
            occurred_at: at(2),
            sender: Some("team-a".into()),
            created_at: at(3),
            debt_change: None,
        };
        round_trips(database, transaction).await;
        let hold = entity::credits_hold::Model {
            id: id(6),
            user_id: "u".into(),
            origin: "usage".into(),
            sender: Some("team-a".into()),
            reference_id: "r".into(),
            service: "s".into(),
            price_credits: Some(2),
            price_per: Some(1000),
            amount: 5,
            captured: 3,
            status: "EXPIRED".into(),
            expires_at: at(1),
            closed_at: Some(at(2)),
            created_at: at(0),
            updated_at: at(3),
        };
        round_trips(database, hold).await;
        let slice = entity::credits_hold_slice::Model {
            hold_id: id(6),
            batch_id: id(2),
            position: 1,
            amount: 5,
            captured: 3,
        };
        round_trips(database, slice).await;
        let allocation = entity::credits_allocation::Model {
            transaction_id: id(3),
            batch_id: id(2),
            amount: -5,
            batch_remaining: 2,
            created_at: at(1),
        };
        round_trips(database, allocation).await;
        let refund = entity::credits_refund::Model {
            transaction_id: id(3),
            user_id: "u".into(),
            taken: 5,
            refunded: 4,
            created_at: at(1),
            updated_at: at(2),
        };
        round_trips(database, refund).await;
        let revocation = entity::credits_revocation::Model {
            transaction_id: id(3),
            user_id: "u".into(),
            issued: 5,
            revoked: 4,
            fraction: 3,
            taken: 2,
            indebted: 1,
            created_at: at(1),
            updated_at: at(2),
        };
        round_trips(database, revocation).await;
        let debt = entity::credits_debt::Model {
            id: id(7),
            user_id: "u".into(),
            revocation_id: id(3),
            deposit_id: id(8),
            amount: 10,
            repaid: 4,
            forgiven: 3,
            cancelled: 2,
            created_at: at(1),
            updated_at: at(2),
        };
        round_trips(database, debt).await;
    }
}

#[tokio::test]
async fn every_entity_of_the_jobs_round_trips() {
    for database in &TestDatabase::each_migrated().await {
        let subscription = entity::subscription::Model {
            id: "free:u".into(),
            user_id: "u".into(),
            plan: "free".into(),
            status: "TRIALING".into(),
            anchor: at(1),
            activated_at: Some(at(2)),
            ended_at: Some(at(5)),
            paid_through: Some(at(4)),
            next_period_start: Some(at(3)),
            due_at: Some(at(3)),
            status_at: at(6),
            created_at: at(7),
            updated_at: at(8),
            status_since: Some(at(6)),
        };
        round_trips(database, subscription).await;
        let run = entity::job_run::Model {
            id: id(1),
            name: "grant".into(),
            run_date: "2026-11-22".into(),
            status: "COMPLETED".into(),
            reference_id: "job:grant:2026-11-22".into(),
            started_at: at(1),
            finished_at: Some(at(2)),
            lease_until: Some(at(3)),
            cursor: Some("u".into()),
            owner: "w".into(),
            started_by: "w".into(),
            result: Some(data()),
            claim: 3,
        };
        round_trips(database, run).await;
        let trial = entity::delivery_attempt::Model {
            queue: "q".into(),
            message: "m".into(),
            tries: 2,
            updated_at: at(1),
        };
        round_trips(database, trial).await;
        let token = entity::http_token::Model {
            id: id(12),
            name: "shop \u{1F600}".into(),
            role: "bridge".into(),
            secret_hash: (0..32).collect(),
            user_prefixes: Some(json!(["a:", "ä"])),
            services: Some(json!([])),
            rate: Some(7),
            created_by: "ops:maria".into(),
            created_at: at(1),
            expires_at: Some(at(2)),
            revoked_at: None,
        };
        round_trips(database, token).await;
        let event = entity::payment_event::Model {
            id: id(13),
            provider: "stripe".into(),
            event_id: "evt_1".into(),
            kind: "invoice.paid".into(),
            status: "UNMAPPED".into(),
            reason: Some("no_user".into()),
            detail: Some("no user \u{1F600}".into()),
            waits_for: Some("customer:cus_1".into()),
            user_id: None,
            reference_ids: json!(["stripe:pi_1"]),
            body: "{}".into(),
            occurred_at: Some(at(1)),
            received_at: at(1),
            updated_at: at(2),
        };
        round_trips(database, event).await;
        let link = entity::payment_link::Model {
            provider: "creem".into(),
            kind: "payment".into(),
            external_id: "ord_1".into(),
            user_id: Some("u".into()),
            deposit: Some("creem:ord_1".into()),
            amount: Some(1000),
            invoice: None,
            subscription_id: Some("sub_1".into()),
            period_start: Some(at(1)),
            period_end: Some(at(2)),
            created_by: None,
            updated_at: at(1),
        };
        round_trips(database, link).await;
        let wait = entity::payment_wait::Model {
            event: id(13),
            provider: "stripe".into(),
            kind: "customer".into(),
            external_id: "cus_1".into(),
        };
        round_trips(database, wait).await;
        let action = entity::operator_action::Model {
            id: id(1),
            begun_id: Some(id(2)),
            status: "COMPLETED".into(),
            actor: "ops:maria".into(),
            action: "dead_drop".into(),
            subject: Some("r".into()),
            user_id: Some("u".into()),
            detail: data(),
            created_at: at(1),
        };
        if database.backend() == DbBackend::Postgres {
            // The trigger would set the time of the row.
            database
                .execute("ALTER TABLE operator_action DISABLE TRIGGER operator_action_time")
                .await;
        }
        round_trips(database, action).await;
        database.execute("DELETE FROM ledger_identity").await;
        let identity = entity::ledger_identity::Model {
            singleton: 1,
            id: id(5),
        };
        round_trips(database, identity).await;
    }
}

#[tokio::test]
async fn every_entity_of_the_embedded_queue_round_trips() {
    let database = &TestDatabase::sqlite().await.migrated().await;
    let message = entity::queue_message::Model {
        id: 1,
        queue: "dead".into(),
        origin: "usage".into(),
        body: vec![0, 255, b'{'],
        message_id: Some("m".into()),
        reply_to: Some("r".into()),
        correlation_id: Some("c".into()),
        attempt: 3,
        not_before: Some(at(1)),
        headers: Some(data()),
        enqueued_at: at(2),
    };
    round_trips(database, message).await;
    let lease = entity::queue_lease::Model {
        lane: "commands".into(),
        owner: "w".into(),
        until: at(1),
    };
    round_trips(database, lease).await;
    let reply = entity::queue_reply::Model {
        id: 1,
        reply_to: "r".into(),
        correlation_id: Some("c".into()),
        body: vec![0, 255],
        created_at: at(1),
    };
    round_trips(database, reply).await;
}

#[tokio::test]
async fn optional_values_are_read_as_absent() {
    for database in TestDatabase::each_migrated().await {
        let bare = "id, user_id, type, amount, origin, reference_id, status, error_code, \
                    occurred_at, created_at";
        let (id, at) = match database.backend() {
            DbBackend::Postgres => ("gen_random_uuid()", "'2026-11-22T10:00:00.000000+00:00'"),
            _ => ("randomblob(16)", "'2026-11-22T10:00:00.000000+00:00'"),
        };
        let values =
            format!("{id}, 'u', 'expiration', 0, 'internal', 'r', 'FAILED', 'x', {at}, {at}");
        database
            .execute(&format!(
                "INSERT INTO credits_transaction ({bare}) VALUES ({values})"
            ))
            .await;
        let stored = entity::credits_transaction::Entity::find()
            .one(database.connection())
            .await;
        let stored = stored.expect("reads").expect("is there");
        assert_eq!(
            (
                stored.fingerprint,
                stored.balance_after,
                stored.period_start
            ),
            (None, None, None)
        );
        assert_eq!(
            (stored.related_id, stored.metadata, stored.detail),
            (None, None, None)
        );
        assert_eq!(
            stored.created_at,
            DateTimeUtc::from_timestamp(1_795_341_600, 0).expect("in range")
        );
    }
}
