//! The queues to which a reply may be sent.
//!
//! A worker replies through the default exchange, which leads to every queue of its virtual host,
//! and the client chooses `reply_to`. So only names are allowed that no queue of Scrip can have and
//! that RabbitMQ itself can read.
//!
//! A name that is not random can be guessed. Its queue receives only the replies of the account in
//! its name. Otherwise an account could have replies put into the queue of another account, and
//! displace the replies that wait there.

use base64::{Engine, engine::general_purpose::STANDARD};

/// The prefix of the queues that RabbitMQ names. No client can declare such a name.
const SERVER_NAMED: &str = "amq.gen-";
/// The prefix that RabbitMQ writes into `reply_to` in place of `amq.rabbitmq.reply-to`.
const DIRECT: &str = "amq.rabbitmq.reply-to.";
/// The prefix of the queues of aio-pika's robust channels. A random UUID in hexadecimal follows.
const AIO_PIKA: &str = "amq_";
/// The prefix of Spring's `AnonymousQueue`. A random UUID in base64url follows.
const SPRING: &str = "spring.gen-";

/// The head of an Erlang process id as RabbitMQ encodes it: version, `NEW_PID_EXT`,
/// `ATOM_UTF8_EXT`.
const PID_HEAD: [u8; 3] = [131, 88, 118];
/// The prefix of the node in the process id. The hash of the node's name follows in decimal.
const NODE: &str = "reply@";
/// The results of `erlang:phash2` are below this.
const HASH_LIMIT: u32 = 1 << 27;
/// The numbers of processes are below this: 28 bits.
const PROCESS_LIMIT: u32 = 1 << 28;
/// The length of the key of a direct reply-to, in bytes.
const KEY_BYTES: usize = 16;

/// The reply address of a client that uses RabbitMQ's direct reply-to:
/// `amq.rabbitmq.reply-to.{process}.{key}`, with both parts in base64.
///
/// RabbitMQ 3.10 closes the connection that publishes to a name of this form which it cannot read
/// (541).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectReplyTo {
    node: u32,
}

impl DirectReplyTo {
    /// Reads a name exactly as RabbitMQ 3.10 to 4.x write it. `None` for any other name.
    pub fn parse(queue: &str) -> Option<Self> {
        let (process, key) = queue.strip_prefix(DIRECT)?.split_once('.')?;
        let key = STANDARD.decode(key).ok()?;
        let process = STANDARD.decode(process).ok()?;
        let rest = process.strip_prefix(&PID_HEAD)?;
        let (length, rest) = rest.split_first_chunk()?;
        let (node, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        // Process, serial and creation.
        let numbers: [u8; 12] = rest.try_into().ok()?;
        let (number, _) = numbers.split_first_chunk()?;
        let hash = std::str::from_utf8(node).ok()?.strip_prefix(NODE)?;
        let node: u32 = hash.parse().ok()?;
        let is_valid = key.len() == KEY_BYTES
            && node < HASH_LIMIT
            && node.to_string() == hash
            && u32::from_be_bytes(*number) < PROCESS_LIMIT;
        is_valid.then_some(Self { node })
    }

    /// The hash of the node to which the client is connected.
    ///
    /// RabbitMQ 3.10 also closes the connection if no running node of its cluster has this hash.
    /// This cannot be checked from outside.
    pub const fn node(self) -> u32 {
        self.node
    }
}

/// The reason why no reply may be sent to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ReplyToError {
    /// The name is not that of a reply queue.
    #[error("`reply_to` names no reply queue")]
    NoReplyQueue,
    /// The name is `{ns}.reply.{account}`, and the message is not verified to be from that account.
    #[error("`reply_to` names the reply queue of another account than `user_id`")]
    NotTheSenders,
}

/// Checks that a reply to a message of this namespace may be sent to a queue. `sender` is the
/// account that sent the message, as the broker verified it.
pub(super) fn check(
    namespace: &str,
    queue: &str,
    sender: Option<&str>,
) -> Result<(), ReplyToError> {
    if is_made_for_replies(queue) {
        return Ok(());
    }
    match queue.strip_prefix(namespace).and_then(account) {
        None => Err(ReplyToError::NoReplyQueue),
        Some(account) if sender == Some(account) => Ok(()),
        Some(_) => Err(ReplyToError::NotTheSenders),
    }
}

/// Whether it is a direct reply-to, or a random name from RabbitMQ or a client library.
fn is_made_for_replies(queue: &str) -> bool {
    let rest = |prefix: &str| queue.strip_prefix(prefix);
    rest(SERVER_NAMED).is_some_and(|name| !name.is_empty())
        || rest(AIO_PIKA).is_some_and(|name| name.len() == 32 && name.bytes().all(is_lower_hex))
        || rest(SPRING).is_some_and(|name| name.len() == 22 && name.bytes().all(is_base64url))
        || DirectReplyTo::parse(queue).is_some()
}

/// The account in `.reply.{account}`. It is the complete rest, so that a queue belongs to one
/// account only.
///
/// It contains no dot, because the name could then be a queue of a namespace with a longer name
/// (`{ns}.reply.x.dead`).
fn account(rest: &str) -> Option<&str> {
    let account = rest.strip_prefix(".reply.")?;
    (!account.is_empty() && !account.contains('.')).then_some(account)
}

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A name that RabbitMQ 3.13 wrote.
    const WRITTEN: &str = "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAyNzc5NjQyMAAAC1oAAAAAZo4bIw==.+Uvn1EmAp0ZA+oQx2yoQFA==";

    fn direct(process: &[u8], key: &[u8]) -> String {
        format!(
            "{DIRECT}{}.{}",
            STANDARD.encode(process),
            STANDARD.encode(key)
        )
    }

    fn process(head: [u8; 3], node: &[u8], numbers: &[u8]) -> Vec<u8> {
        let length = u16::try_from(node.len()).expect("short").to_be_bytes();
        [&head[..], &length, node, numbers].concat()
    }

    #[test]
    fn a_direct_reply_to_written_by_rabbitmq_is_read() {
        assert_eq!(
            DirectReplyTo::parse(WRITTEN).map(DirectReplyTo::node),
            Some(27_796_420)
        );
        let built = direct(&process(PID_HEAD, b"reply@27796420", &[0; 12]), &[7; 16]);
        assert_eq!(
            DirectReplyTo::parse(&built).map(DirectReplyTo::node),
            Some(27_796_420)
        );
    }

    /// Conformance: Broker permissions and senders: A `reply_to` that the broker cannot read costs
    /// no other sender a reply
    #[test]
    fn a_direct_reply_to_that_rabbitmq_cannot_read_is_refused() {
        let good = process(PID_HEAD, b"reply@27796420", &[0; 12]);
        let node = |name: &[u8]| direct(&process(PID_HEAD, name, &[0; 12]), &[7; 16]);
        let mut many = vec![
            DIRECT.to_owned(),
            format!("{DIRECT}!!!!.x"),
            format!("{DIRECT}g1h2.x"),
            format!("{DIRECT}.{}", STANDARD.encode([7; 16])),
            WRITTEN.replace("==.", "."),
            WRITTEN.replace("==.", "==. "),
            WRITTEN.replace("reply-to.g1h2", "reply-to.g1h2\n"),
            format!("{WRITTEN}.x"),
            format!("{WRITTEN}="),
            WRITTEN.trim_end_matches('=').to_owned(),
            direct(&good, &[7; 15]),
            direct(&good, b""),
            direct(b"", &[7; 16]),
            direct(&good[..good.len() - 1], &[7; 16]),
            direct(&[&good[..], &[0]].concat(), &[7; 16]),
            direct(&process([131, 103, 118], b"reply@1", &[0; 12]), &[7; 16]),
            direct(&process([131, 88, 119], b"reply@1", &[0; 12]), &[7; 16]),
            direct(&process(PID_HEAD, b"reply@1", &[0xff; 12]), &[7; 16]),
        ];
        many.extend(
            [
                &b"rabbit@host"[..],
                b"generated@1",
                b"reply@",
                b"reply@-1",
                b"reply@+1",
                b"reply@01",
                b"reply@134217728",
                b"reply@99999999999999999999",
                b"reply@1 ",
                &[b'r', 0xff],
                b"",
            ]
            .map(node),
        );
        for name in many {
            assert_eq!(DirectReplyTo::parse(&name), None, "{name:?}");
        }
    }

    /// Conformance: Broker permissions and senders: Replies go to queue names that client libraries
    /// generate, and to no queue of a namespace
    #[test]
    fn replies_go_to_names_from_libraries_and_to_no_queue_of_a_namespace() {
        for queue in [
            "amq.gen-X4Rq2V1nTLCQ2WZJ6uXGLQ",
            "amq_6f5902ac237024bdd0c176cb93063dc4",
            "spring.gen-VOq4QhJZSbmJnlmbaeCTyA",
            WRITTEN,
        ] {
            for sender in [None, Some("shop"), Some("")] {
                assert_eq!(check("credits", queue, sender), Ok(()), "{queue}");
            }
        }
        for queue in [
            "",
            "credits.commands.0",
            "credits.dead",
            "credits.reply.",
            "credits.reply.commands.0",
            "credits.replyx",
            "other.reply.a",
            "amq.gen-",
            "amq.genx",
            "amq.rabbitmq.reply-to",
            "amq_6F5902AC237024BDD0C176CB93063DC4",
            "amq_6f5902ac237024bdd0c176cb93063dc",
            "amq_6f5902ac237024bdd0c176cb93063dc4.dead",
            "spring.gen-VOq4QhJZSbmJnlmbaeCT.A",
            "7c4bd1d6-4b23-4d9b-8a3b-0f3a3c1c3f3e",
        ] {
            for sender in [None, Some("shop"), Some("a"), Some("commands.0"), Some("")] {
                let refused = Err(ReplyToError::NoReplyQueue);
                assert_eq!(check("credits", queue, sender), refused, "{queue}");
            }
        }
    }

    /// Conformance: Broker permissions and senders: A reply goes to `{ns}.reply.{account}` only if
    /// the message is from that account
    #[test]
    fn the_reply_queue_of_an_account_is_for_its_own_messages_only() {
        for account in ["shop", "shop-7", "shop:7", "Shop 7", "ä", "*"] {
            let queue = format!("credits.reply.{account}");
            assert_eq!(check("credits", &queue, Some(account)), Ok(()), "{account}");
            let others = [
                "shop2",
                "sho",
                "",
                "SHOP",
                " shop",
                "shop.7",
                "credits.reply.shop",
            ];
            let others = others
                .into_iter()
                .filter(|other| *other != account)
                .map(Some);
            for sender in others.chain([None]) {
                let refused = Err(ReplyToError::NotTheSenders);
                assert_eq!(
                    check("credits", &queue, sender),
                    refused,
                    "{account} {sender:?}"
                );
            }
        }
        // A dot does not end the account: `a` cannot use the queue of `a.b`, and `a.b` cannot use
        // that of `a`.
        for (queue, sender) in [
            ("credits.reply.a.b", "a"),
            ("credits.reply.a.b", "a.b"),
            ("credits.reply.a.", "a"),
            ("credits.reply.a.dead", "a.dead"),
        ] {
            let refused = Err(ReplyToError::NoReplyQueue);
            assert_eq!(
                check("credits", queue, Some(sender)),
                refused,
                "{queue} {sender}"
            );
        }
        assert_eq!(
            check("credits", "credits.reply.a", Some("a.b")),
            Err(ReplyToError::NotTheSenders)
        );
    }
}
