//! The seed inputs of the fuzz targets: parts of the real trace, every type of message, and the
//! inputs that a fuzzer found (`tests/fuzz/seeds`).

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use ledger::{Book, Rules};
use producer_sdk::contract::{
    Answer, Command, Job, JobRequest, Late, Origin, Overrun, Query, Rejection, Reply,
    SubscriptionStatus,
};
use scrip::{config::Settings, decode, outcome};
use serde_json::{Value, json};
use strum::VariantArray;

use super::{
    bytes::{HEAD, op},
    escaped::{escape, unescape},
};
use simulator::trace;

/// The file of the inputs that a fuzzer found for a target, one per line.
fn file(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("seeds/{target}.txt"))
}

/// All seed inputs of a target.
pub fn all(target: &str) -> Vec<Vec<u8>> {
    let stored = std::fs::read_to_string(file(target)).expect("the file is in the repository");
    let mut inputs = generated(target);
    inputs.extend(stored.lines().map(unescape));
    inputs
}

/// Replaces the stored inputs of a target in the repository.
pub fn keep(target: &str, inputs: &[Vec<u8>]) -> std::io::Result<()> {
    let lines: String = inputs.iter().map(|input| escape(input) + "\n").collect();
    std::fs::write(file(target), lines)
}

/// The generated inputs: from the trace and from every type of message.
fn generated(target: &str) -> Vec<Vec<u8>> {
    match target {
        "decode" => bodies(),
        "sequence" => (0..24)
            .map(trace_sequence)
            .chain([subscription_sequence()])
            .collect(),
        "text" => texts(),
        other => panic!("there is no target {other}"),
    }
}

fn bodies() -> Vec<Vec<u8>> {
    let trace = trace::commands();
    let openings = trace.iter().take(6);
    let requests = trace.iter().skip(2 * trace::USERS).step_by(1_200);
    let sent: Vec<Vec<u8>> = openings
        .chain(requests)
        .map(|body| body.clone().into_bytes())
        .collect();
    let replies = replies(&sent);
    let own = commands().into_iter().map(|command| command.to_json());
    let queries = queries().into_iter().map(|query| query.to_json());
    let broken = BROKEN.iter().map(|body| body.as_bytes().to_vec());
    let request = JobRequest {
        job: Job::Grant,
        date: "2026-11-24".to_owned(),
        started_by: "scheduler".to_owned(),
    };
    let others = [
        request.to_json(),
        b"\x01\x01\x08\x02\0\0\0\0\0\0\0\x06\0\x05a.b.c".to_vec(),
    ];
    let bodies = sent.into_iter().chain(own).chain(queries).chain(replies);
    let bodies = bodies.chain(broken).chain(others);
    bodies.map(|body| with_origin(&body)).collect()
}

/// The body after the byte of its origin.
fn with_origin(body: &[u8]) -> Vec<u8> {
    let origin = Command::from_json(body).map_or(Origin::Usage, |command| command.origin());
    let index = Origin::VARIANTS
        .iter()
        .position(|one| *one == origin)
        .unwrap_or_default();
    [&[u8::try_from(index).expect("few origins")], body].concat()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// Commands of every type. Together they use every field.
fn commands() -> Vec<Command> {
    let day = at("2026-01-31T09:30:00.000001Z");
    let paid = |command: Command| command.paid("9.99", "USD").expect("an amount");
    let metadata = json!({"model": "m", "deep": [[{"a": null}], 1.5e3, "\u{1f600}"]});
    vec![
        Command::consume("r-1", "user_123", "google:chat")
            .amount(3)
            .description("a \"chat\""),
        Command::consume("r-2", "ünï", "llm:tokens")
            .quantity(2417)
            .metadata(&metadata)
            .occurred_at(day),
        Command::hold("h-1", "user_123", "llm:tokens")
            .quantity(4000)
            .expires_in_seconds(300),
        Command::hold("h-2", "user_123", "llm:tokens")
            .amount(40)
            .expires_at(day),
        Command::capture("h-1:1", "user_123", "h-1")
            .quantity(1234)
            .is_final(false)
            .overrun(Overrun::Cap)
            .late(Late::Reject),
        Command::capture("h-2:1", "user_123", "h-2").amount(3),
        Command::release("h-1:release", "user_123", "h-1"),
        Command::refund("r-12", "user_123", "r-1").amount(2),
        Command::registration_bonus("r-3", "user_123"),
        Command::promotion("r-4", "user_123", 50).validity_days(14),
        paid(Command::purchase_package("r-5", "user_123", "lite", "pi_1")),
        paid(Command::purchase_price(
            "r-6", "user_123", "price_1", "pi_2",
        )),
        Command::purchase_credits("r-7", "user_123", 1_000, "pi_3").validity_days(36_500),
        Command::subscription(
            "r-8",
            "user_123",
            "sub_1",
            "pro",
            SubscriptionStatus::PastDue,
        )
        .anchor(day)
        .paid_through(day),
        Command::revoke("r-13", "user_123", "r-4").amount(5),
        Command::revoke_purchase("r-14", "user_123", "pi_1")
            .purchase_line("2")
            .share("0.25")
            .expect("a share"),
        Command::revoke_purchase("r-15", "user_123", "pi_1")
            .amount_refunded("2.50")
            .expect("an amount"),
        Command::reinstate("r-16", "user_123", "r-14"),
        Command::forgive("r-17", "user_123", "lost", "ops:maria").amount(5),
        Command::freeze("r-9", "user_123", "chargeback", "ops:maria"),
        Command::unfreeze("r-10", "user_123", "cleared", "ops:maria"),
        Command::monthly_grant("user_123", "free:user_123", day),
        Command::expire("r-11", "user_123", day),
    ]
}

fn queries() -> Vec<Query> {
    let user_id = || "user_123".to_owned();
    vec![
        Query::balance("user_123"),
        Query::Transactions {
            user_id: user_id(),
            page_index: Some(3),
            page_size: Some(100),
            cursor: None,
        },
        Query::Transactions {
            user_id: user_id(),
            page_index: None,
            page_size: None,
            cursor: Some(CURSOR.to_owned()),
        },
        Query::Batches {
            user_id: user_id(),
            all: true,
        },
        Query::Holds {
            user_id: user_id(),
            all: true,
        },
        Query::Quote {
            user_id: user_id(),
            service: "llm:tokens".to_owned(),
            amount: None,
            quantity: Some(2417),
        },
        Query::Price {
            service: "llm:tokens".to_owned(),
            quantity: Some(2417),
        },
        Query::Packages {},
        Query::CanPurchase {
            user_id: user_id(),
            package_id: Some("lite".to_owned()),
            price_id: None,
        },
    ]
}

/// The replies of a worker to the first 12 commands of `sent`, a rejection, and two results of a
/// query.
fn replies(sent: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (rules, now) = (Rules::default(), at("2026-11-22T10:00:00Z"));
    let mut book = Book::default();
    let mut ids = 0;
    let decided = sent.iter().take(12).map(|body| {
        let origin = Command::from_json(body).expect("a command").origin();
        let command = decode::decode(body, origin).expect("a command");
        let decision = book.decide(&command, &rules, now, &mut || {
            ids += 1;
            uuid::Uuid::from_u128(ids)
        });
        outcome::wire(&command, &decision.expect("a consistent book")).to_json()
    });
    let rejection: Rejection = Command::from_json(b"{}").expect_err("no type");
    let balance = json!({"userId": "u", "availableCredits": 1, "balance": 2, "held": 0, "debt": 0,
        "totalEarned": 3, "totalSpent": 1, "status": "ACTIVE", "version": 4,
        "nextExpiringBatch": {"amount": 1, "expiresAt": "2026-12-22T10:00:00Z"}});
    let answers = [
        Reply::Rejected(rejection),
        Reply::Answer(Answer::ok("balance", &balance)),
        Reply::Answer(Answer::error(
            "balance",
            "wallet_not_found",
            "this user has no wallet",
        )),
    ];
    let answers = answers.map(|reply| reply.to_json());
    decided
        .collect::<Vec<_>>()
        .into_iter()
        .chain(answers)
        .collect()
}

const BROKEN: [&str; 12] = [
    "",
    "[]",
    "null",
    "{\"type\":\"consume\",\"referenceId\":\"r\",\"userId\":\"u\",\"service\":\"s\",\"amount\":1e400}",
    "{\"type\":\"consume\",\"type\":\"consume\"}",
    "{\"type\":\"consume\",\"referenceId\":null,\"userId\":\"\\u200bu\",\"service\":\" s\"}",
    "{\"type\":\"consume\",\"referenceId\":\"r\",\"userId\":\"u\",\"service\":\"s\",\"ammount\":-0.5}",
    "{\"type\":\"grant\",\"reason\":\"monthly\",\"referenceId\":\"r\",\"userId\":\"u\"}",
    "{\"type\":\"expire\",\"referenceId\":\"r\",\"userId\":\"u\",\"cutoff\":\"2016-12-31T23:59:60+23:59\"}",
    "{\"type\":\"freeze\",\"referenceId\":\"r\",\"userId\":\"u\",\"reason\":\"\\ud83d\\ude00\",\"actor\":\"\\u0000\"}",
    "{\"type\":\"consume\",\"referenceId\":\"r\",\"userId\":\"u\",\"service\":\"s\",\"metadata\":{\"a\\u0000\":[[[[1]]]]}}",
    "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
];

/// 40 requests of the trace, by three users who registered and purchased a package.
fn trace_sequence(nth: usize) -> Vec<u8> {
    let csv = std::fs::read_to_string(trace::path()).expect("the trace is in the repository");
    let requests = trace::requests(&csv).expect("the trace is as its README says");
    let mark = u8::try_from(nth).expect("few");
    let mut bytes = vec![mark; HEAD];
    let mut step = |op: u8, user: u8, number: u16, c: u8| {
        let reference = u8::try_from(bytes.len() / 8 % 96).expect("small");
        let [a, b] = number.to_le_bytes();
        bytes.extend_from_slice(&[op, user, reference, 0, a, b, c, mark]);
    };
    for user in 0..3 {
        step(op::REGISTER, user, 0, 0);
        step(op::PURCHASE, user | (mark & 1) << 2, 0, 0);
    }
    for (index, request) in requests.iter().skip(nth * 800).take(40).enumerate() {
        let user = u8::try_from(request.line % 7).expect("small") % 3;
        step(
            op::CONSUME,
            user,
            u16::try_from(request.tokens).unwrap_or(u16::MAX - 1),
            0,
        );
        match index % 20 {
            5 => step(op::WAIT, 0, 90, 0),
            10 => step(op::REPEAT, 0, u16::from(mark), 0),
            15 => step(op::WAIT_DAYS, 0, u16::from(mark), 0),
            19 => step(op::EXPIRE, user, 200, 0),
            _ => {}
        }
    }
    bytes
}

/// Subscriptions that begin, get grants, pause and end, while plans and rules change.
fn subscription_sequence() -> Vec<u8> {
    let mut bytes = vec![0x55; HEAD];
    for (nth, op) in [
        op::REGISTER,
        op::SUBSCRIBE,
        op::GRANT,
        op::WAIT_DAYS,
        op::GRANT,
        op::SUBSCRIBE,
        op::PLAN,
        op::WAIT_DAYS,
        op::GRANT,
        op::PROMOTE,
        op::FREEZE,
        op::CONSUME,
        op::UNFREEZE,
        op::CAP,
        op::GRANT,
        op::UNPRICED,
        op::CONSUME,
        op::SWITCH,
        op::PURCHASE,
        op::SWITCH,
        op::WAIT_DAYS,
        op::SUBSCRIBE,
        op::EXPIRE,
        op::REPEAT,
    ]
    .into_iter()
    .enumerate()
    {
        let nth = u8::try_from(nth).expect("few");
        bytes.extend_from_slice(&[op, (nth % 4) << 2, nth, 0, nth * 3, 0, 0, nth]);
    }
    bytes
}

const CURSOR: &str = "2026-11-22T10:00:00.000005+00:00_00000000-0000-0000-0000-000000000007";

/// Each section of the configuration as keys and values, and small valid and invalid texts.
fn texts() -> Vec<Vec<u8>> {
    let shown = Settings::default().show();
    let mut sections = Vec::new();
    for (name, value) in &shown {
        let mut lines = String::new();
        flatten(name, &json!(value), &mut lines);
        sections.push(lines);
    }
    sections.push(
        "amqp.url=amqp://u:p@h/%2f\nredis.url=\"redis://h\"\ndatabase.url=postgres://u:p@h/d\n\
         ledger.max_lateness=1.5h\nledger.default_consumption={ credits = 1, per = 1000 }\n\
         plans.gold.credits=0\npackages.lite.price=9.999\nprices.llm:tokens={ credits = 1, per = \
         0 }\nx.y=z\n"
            .to_owned(),
    );
    sections.push(format!(
        "{CURSOR}\n0001-01-01T00:00:00Z_{}\n",
        uuid::Uuid::nil()
    ));
    sections.push("9.99\n0.000001\n1000000000000\n.5\n1e3\ncredits\na.b-c_0\nA b\n".to_owned());
    sections.into_iter().map(String::into_bytes).collect()
}

fn flatten(key: &str, value: &Value, lines: &mut String) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&format!("{key}.{name}"), value, lines);
            }
        }
        value => lines.extend([key, "=", &value.to_string(), "\n"]),
    }
}
