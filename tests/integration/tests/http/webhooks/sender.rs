//! A provider: it signs events and sends them.

use std::{fmt::Write as _, net::SocketAddr};

use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::broker::TIMEOUT;
use tokio::time::timeout;

use crate::{
    client::{Request, Response, get, post},
    fixture::{Fixture, On, address, grant},
};

pub const OLD: &str = "whsec_old_0123456789";
pub const NEW: &str = "whsec_new_0123456789";
pub const CREEM: &str = "creem_0123456789abcdef";

/// Both providers are on, with two prices of a package and one of a plan.
const SETTINGS: [(&str, &str); 5] = [
    (
        "SCRIP_STRIPE_SECRETS",
        "whsec_old_0123456789, whsec_new_0123456789",
    ),
    ("SCRIP_CREEM_SECRETS", CREEM),
    ("CREDIT_LITE_PRICE_ID", "price_lite"),
    (
        "SCRIP__PACKAGES__LITE__PRICE_IDS",
        "[\"price_lite_eur\", \"prod_lite\"]",
    ),
    (
        "SCRIP__PLANS__PRO__PRICE_IDS",
        "[\"price_pro\", \"prod_pro\"]",
    ),
];

/// A worker, the HTTP server, and a token to look at the ledger.
pub struct Shop {
    pub fixture: Fixture,
    token: String,
}

impl Shop {
    pub async fn open(on: On) -> Self {
        Self::with(on, &[]).await
    }

    pub async fn with(on: On, more: &[(&str, &str)]) -> Self {
        let mut fixture = Self::fixture(on, more).await;
        if on == On::Servers {
            // The role that only reads cannot store events.
            serve_as(&mut fixture, "worker").await;
        }
        let token = fixture.admin().await;
        Self { fixture, token }
    }

    /// A shop on servers whose HTTP server has the documented role, and the name of that role.
    pub async fn with_web_role() -> (Self, String) {
        let mut fixture = Self::fixture(On::Servers, &[]).await;
        let database = fixture.database.as_ref().expect("a database");
        let role = database.create_web_role().await;
        serve_as(&mut fixture, "web").await;
        let token = fixture.admin().await;
        (Self { fixture, token }, role)
    }

    async fn fixture(on: On, more: &[(&str, &str)]) -> Fixture {
        Fixture::with(on, &[&SETTINGS[..], more].concat()).await
    }

    pub fn address(&self) -> SocketAddr {
        self.fixture.address
    }

    /// Sends an event of Stripe and expects this status of the event.
    pub async fn stripe(&self, event: &Value, status: &str) {
        let response = stripe(event.to_string(), OLD).send(self.address()).await;
        assert_eq!(response.expect(200)["status"], status, "{event}");
    }

    /// Sends an event of Creem and expects this status of the event.
    pub async fn creem(&self, event: &Value, status: &str) {
        let response = creem(event.to_string(), CREEM).send(self.address()).await;
        assert_eq!(response.expect(200)["status"], status, "{event}");
    }

    /// Sends an event of Stripe until it is accepted, as the provider does.
    pub async fn deliver(&self, event: &Value) -> Value {
        let repeated = async {
            loop {
                let response = self.send_stripe(event).await;
                if response.status == 200 {
                    return response.expect(200);
                }
                // The worker books the grant of a refund that is sent too early.
                response.problem(503, "grant_pending");
            }
        };
        timeout(TIMEOUT, repeated).await.expect("accepted in time")
    }

    pub async fn send_stripe(&self, event: &Value) -> Response {
        stripe(event.to_string(), NEW).send(self.address()).await
    }

    /// The available credits and the debt, after all commands that were published for the user.
    pub async fn balance(&self, user: &str) -> (i64, i64) {
        // The queue keeps the order of the commands of a user.
        let mark = grant(&format!("mark:{user}:{}", uuid::Uuid::now_v7()), user, 1);
        let sent = post("/v1/commands", mark.to_string())
            .token(&self.token)
            .wait();
        let marked = self.fixture.send(sent).await.expect(200);
        let path = format!("/v1/users/{user}/balance");
        let balance = self
            .fixture
            .send(get(path).token(&self.token))
            .await
            .expect(200);
        let marks = self.marks(user).await;
        let number = |name: &str| balance[name].as_i64().expect("a number");
        assert_eq!(marked["status"], "completed", "{marked}");
        (number("availableCredits") - marks, number("debt"))
    }

    /// The credits that the marks brought.
    async fn marks(&self, user: &str) -> i64 {
        let all = self.transactions(user).await;
        let marks = all.iter().filter(|one| one["type"] == "promotion");
        i64::try_from(marks.count()).expect("few")
    }

    /// The transactions of a user.
    pub async fn transactions(&self, user: &str) -> Vec<Value> {
        let path = format!("/v1/users/{user}/transactions?pageSize=100");
        let page = self
            .fixture
            .send(get(path).token(&self.token))
            .await
            .expect(200);
        page["items"].as_array().expect("a list").clone()
    }
}

/// Replaces the HTTP server by one with a role in the database.
async fn serve_as(fixture: &mut Fixture, role: &str) {
    let database = fixture.database.as_ref().expect("a database");
    let urls = [database.url_as(role), database.worker_url()];
    let deployment = &mut fixture.deployment;
    deployment.set("DATABASE_URL", &urls[0]);
    let server = deployment.start(&["http", "--listen", "127.0.0.1:0"]);
    deployment.set("DATABASE_URL", &urls[1]);
    fixture.address = address(&server).await;
    server.wait_for("HTTP server connected").await;
    if let Some(reader) = fixture.server.replace(server) {
        assert!(reader.terminate().await.success());
    }
}

/// A request of Stripe, signed now.
pub fn stripe(body: impl Into<String>, secret: &str) -> Request {
    stripe_at(body, secret, Utc::now().timestamp())
}

/// A request of Stripe, signed at a time.
pub fn stripe_at(body: impl Into<String>, secret: &str, at: i64) -> Request {
    let body = body.into();
    let header = stripe_header(&body, secret, at);
    post("/webhooks/stripe", body).header("Stripe-Signature", &header)
}

/// The header of a signature of Stripe that was made at a time.
pub fn stripe_header(body: &str, secret: &str, at: i64) -> String {
    let made = sign(secret, format!("{at}.{body}").as_bytes());
    let none = "0".repeat(64);
    format!("t={at},v1={none},v1={made},v0={none}")
}

/// A request of Creem.
pub fn creem(body: impl Into<String>, secret: &str) -> Request {
    let body = body.into();
    let made = sign(secret, body.as_bytes());
    post("/webhooks/creem", body).header("creem-signature", &made)
}

/// The HMAC of a text, as hexadecimal digits.
pub fn sign(secret: &str, bytes: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(bytes);
    let made = mac.finalize().into_bytes();
    made.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An event of Stripe about an object, in a version of the API.
pub fn event(id: &str, kind: &str, version: &str, object: impl Into<Value>) -> Value {
    let object: Value = object.into();
    json!({
        "id": id, "object": "event", "type": kind, "api_version": version, "livemode": true,
        "created": Utc::now().timestamp(), "pending_webhooks": 1, "later_field": {"a": [null]},
        "data": {"object": object},
    })
}
