//! Converts the trace of real requests in `tests/simulator/trace` into commands, one JSON object
//! per line. `tests/simulator/trace/README.md` describes the conversion and its reasons.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::message::{self, Item, Message};

/// The number of users that the requests are distributed over.
pub const USERS: usize = 1_000;
/// The exponent of the distribution: the n-th user has the weight n^-[`SKEW`].
pub const SKEW: f64 = 1.1;
/// The service that every request uses.
pub const SERVICE: &str = "llm:tokens";

/// The packages that users buy in turn, each with its price.
const PACKAGES: [(&str, &str); 3] = [("lite", "9.99"), ("standard", "29.99"), ("pro", "79.99")];

/// One request of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The line number in the file. The heading is line 1.
    pub line: u64,
    /// The sum of context tokens and generated tokens.
    pub tokens: i64,
}

/// The path of the trace.
pub fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("trace/azure-llm-conversation-2023.csv")
}

/// The whole trace as commands, in the order in which they are to be sent.
pub fn commands() -> Vec<String> {
    let csv = std::fs::read_to_string(path()).expect("the trace is in the repository");
    let requests = requests(&csv).expect("the trace is as its README says");
    let users = Users::new();
    let openings = (1..=USERS).flat_map(opening);
    openings
        .chain(requests.iter().map(|request| consume(&users, request)))
        .collect()
}

/// A command of the trace as a message of the reference model.
pub fn message(command: &str) -> Message {
    let command: Value = serde_json::from_str(command).expect("a command is JSON");
    let text = |field: &str| command[field].as_str().expect("a text").to_owned();
    let request = match text("type").as_str() {
        "grant" => message::Request::Register,
        "purchase" => message::Request::Buy {
            item: Item::Package(text("packageId")),
            payment: text("purchaseId"),
            cents: None,
        },
        "consume" => message::Request::Use {
            service: SERVICE,
            amount: None,
            quantity: command["quantity"].as_i64(),
        },
        other => panic!("the trace has no command {other}"),
    };
    Message {
        reference: text("referenceId"),
        user: text("userId"),
        occurred_at: None,
        request,
    }
}

/// Parses the trace. An error names the line.
pub fn requests(csv: &str) -> Result<Vec<Request>, String> {
    let mut lines = (1..).zip(csv.lines());
    match lines.next() {
        Some((_, "TIMESTAMP,ContextTokens,GeneratedTokens")) => {}
        other => return Err(format!("expected the heading, found {other:?}")),
    }
    let request = |(line, text): (u64, &str)| {
        let mut fields = text.split(',').skip(1).map(str::parse::<i64>);
        match (fields.next(), fields.next(), fields.next()) {
            (Some(Ok(context)), Some(Ok(generated)), None) => Ok(Request {
                line,
                tokens: context + generated,
            }),
            _ => Err(format!("line {line} is not a time and two numbers: {text}")),
        }
    };
    lines.map(request).collect()
}

/// The registration bonus and the purchase of the user with this rank.
fn opening(rank: usize) -> [String; 2] {
    let user = name(rank);
    let (package, paid) = PACKAGES[(rank - 1) % PACKAGES.len()];
    let payment = format!("payment-{user}");
    let bonus = json!({
        "type": "grant",
        "referenceId": format!("sign-up-{user}"),
        "userId": user,
        "reason": "registration_bonus",
    });
    let purchase = json!({
        "type": "purchase",
        "referenceId": payment,
        "userId": user,
        "packageId": package,
        "purchaseId": payment,
        "amountPaid": paid,
        "currency": "USD",
    });
    [bonus.to_string(), purchase.to_string()]
}

fn consume(users: &Users, request: &Request) -> String {
    let command = json!({
        "type": "consume",
        "referenceId": format!("request-{}", request.line),
        "userId": name(users.rank(request.line)),
        "service": SERVICE,
        "quantity": request.tokens,
    });
    command.to_string()
}

fn name(rank: usize) -> String {
    format!("user-{rank:04}")
}

/// The distribution of requests over users.
struct Users {
    /// The cumulative weights, beginning with the most active user.
    up_to: Vec<u64>,
}

impl Users {
    fn new() -> Self {
        let mut sum = 0;
        let up_to = (1..=USERS).map(|rank| {
            sum += weight(rank);
            sum
        });
        Self {
            up_to: up_to.collect(),
        }
    }

    /// The user of the request on this line, as a rank from 1 to [`USERS`].
    fn rank(&self, line: u64) -> usize {
        let total = self.up_to[USERS - 1];
        let drawn = splitmix64(line) % total;
        1 + self.up_to.partition_point(|&up_to| up_to <= drawn)
    }
}

/// The weight of a rank in whole millionths, so that it is the same on machines that round
/// differently.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is small and a weight is between 500 and a million"
)]
fn weight(rank: usize) -> u64 {
    (1e6 / (rank as f64).powf(SKEW)).round() as u64
}

/// The finalizer of Steele, Lea and Flood (2014): a hash that scatters consecutive numbers.
fn splitmix64(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // The first two numbers of the generator that starts at 0. Its n-th number is the hash of
        // n.
        assert_eq!(splitmix64(1), 0xE220_A839_7B1D_CDAF);
        assert_eq!(splitmix64(2), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn the_trace_becomes_two_openings_per_user_and_one_consume_per_request() {
        let commands = commands();
        assert_eq!(commands.len(), 2 * USERS + 19_366);
        assert_eq!(
            commands[0],
            concat!(
                r#"{"reason":"registration_bonus","referenceId":"sign-up-user-0001","#,
                r#""type":"grant","userId":"user-0001"}"#
            )
        );
        let purchase: Value = serde_json::from_str(&commands[5]).expect("JSON");
        assert_eq!(purchase["packageId"], "pro");
        assert_eq!(purchase["purchaseId"], "payment-user-0003");
        let first: Value = serde_json::from_str(&commands[2 * USERS]).expect("JSON");
        assert_eq!(first["referenceId"], "request-2");
        assert_eq!(first["quantity"], 374 + 44);
        let last: Value = serde_json::from_str(&commands[2 * USERS + 19_365]).expect("JSON");
        assert_eq!(last["referenceId"], "request-19367");
        assert_eq!(last["quantity"], 197 + 183);
    }

    #[test]
    fn every_command_follows_the_contract() {
        for command in commands() {
            if let Err(rejection) = producer_sdk::contract::Command::from_json(command.as_bytes()) {
                panic!("{command}: {}", rejection.message);
            }
        }
    }

    #[test]
    fn users_are_as_uneven_as_the_skew_says() {
        let users = Users::new();
        let mut requests: HashMap<usize, u32> = HashMap::new();
        for line in 2..=19_367 {
            *requests.entry(users.rank(line)).or_default() += 1;
        }
        let share = |rank| f64::from(requests[&rank]) / 19_366.0;
        // The sum of the weights is 5.5728, so the first user has 17.9 % of the requests and the
        // tenth has 1.4 %.
        assert!((0.174..0.185).contains(&share(1)), "{}", share(1));
        assert!((0.011..0.018).contains(&share(10)), "{}", share(10));
        assert!(
            requests.len() > 900,
            "{} users have a request",
            requests.len()
        );
        assert!(requests.keys().all(|rank| (1..=USERS).contains(rank)));
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = requests("TIMESTAMP,ContextTokens,GeneratedTokens\nt,1,2\nt,1\n")
            .expect_err("a field is missing");
        assert_eq!(error, "line 3 is not a time and two numbers: t,1");
        assert!(requests("t,1,2").is_err());
    }
}
