//! Random messages. The broker accepts most of them.

use simulator::rng::Rng;
use testkit::raw_amqp::{RawProperties, direct_reply_overflow, frame_filled};

/// The destination of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Usage,
    Funding,
    Queries,
    /// A queue of the namespace, through the default exchange.
    Queue(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) target: Target,
    pub(super) routing_key: Vec<u8>,
    pub(super) properties: RawProperties,
    pub(super) awaits_direct_reply: bool,
    pub(super) body: Vec<u8>,
}

/// The lengths of short strings.
const LENGTHS: [i64; 8] = [0, 1, 2, 60, 127, 128, 254, 255];
/// The types of values in a table. The broker does not support the last 5.
const TYPES: &[u8] = b"tbBsuIilLfdDSAFTxV_UZ\x00\xff";

impl Message {
    pub(super) fn random(rng: &mut Rng, frame_max: usize) -> Self {
        let target = *rng.pick(&[
            Target::Usage,
            Target::Usage,
            Target::Funding,
            Target::Queries,
            Target::Queue("jobs"),
            Target::Queue("commands.0"),
            Target::Queue("unrouted"),
        ]);
        let routing_key = match (target, rng.between(0, 3)) {
            (Target::Queries, 0..3) => b"query".to_vec(),
            (_, 0) => short_string(rng),
            _ => rng.between(0, 63).to_string().into_bytes(),
        };
        let (properties, awaits_direct_reply) = properties(rng, frame_max);
        Self {
            target,
            routing_key,
            properties,
            awaits_direct_reply,
            body: body(rng),
        }
    }
}

fn properties(rng: &mut Rng, frame_max: usize) -> (RawProperties, bool) {
    let properties = match rng.between(0, 9) {
        0 => RawProperties::new(bits(rng), any(rng, 300)),
        1 => return (direct_reply_overflow(frame_max), true),
        2 | 3 => {
            // From lengths that exceed the limit at the second delivery to the largest length that
            // the broker accepts.
            let length = frame_max + 8 - size(rng.between(0, 120));
            let expires = rng.chance(5_000);
            frame_filled(length, |table| {
                let headers = RawProperties::default().headers(table);
                if expires {
                    headers.text(RawProperties::EXPIRATION, b"1")
                } else {
                    headers
                }
            })
        }
        4 => {
            let levels = *rng.pick(&[1, 30, 31, 32, 33, 1_000, 20_000]);
            RawProperties::default().headers(&nested(levels))
        }
        _ => well_formed(rng),
    };
    (properties, false)
}

/// Properties in the right format, with random bytes as values.
fn well_formed(rng: &mut Rng) -> RawProperties {
    let mut properties = RawProperties::default();
    for bit in 0..14 {
        if !rng.chance(2_500) {
            continue;
        }
        let flag = 0x8000 >> bit;
        properties = match bit {
            2 => properties.headers(&table(rng, 0)),
            3 | 4 => properties.fixed(flag, &any_of(rng, 1)),
            // The broker accepts only a number here, and as `user_id` only the sender's own name.
            7 => properties.text(flag, rng.between(1, 100_000).to_string().as_bytes()),
            11 => properties,
            9 => properties.fixed(flag, &any_of(rng, 8)),
            _ => properties.text(flag, &short_string(rng)),
        };
    }
    properties
}

fn table(rng: &mut Rng, level: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.between(0, 5) {
        let key = short_string(rng);
        bytes.push(u8::try_from(key.len()).expect("short"));
        bytes.extend(key);
        bytes.extend(value(rng, level));
    }
    bytes
}

fn value(rng: &mut Rng, level: u32) -> Vec<u8> {
    // Types that the broker does not support are rare, because it refuses such a message.
    let known = TYPES.len() - 5;
    let types = if rng.chance(300) {
        TYPES
    } else {
        &TYPES[..known]
    };
    let kind = *rng.pick(types);
    let bytes = match kind {
        b't' | b'b' | b'B' => any_of(rng, 1),
        b's' | b'u' => any_of(rng, 2),
        b'I' | b'i' | b'f' => any_of(rng, 4),
        b'D' => any_of(rng, 5),
        b'l' | b'L' | b'd' | b'T' => any_of(rng, 8),
        b'S' | b'x' => long(&any(rng, 400)),
        b'A' if level < 5 => {
            let count = rng.between(0, 4);
            long(
                &(0..count)
                    .flat_map(|_| value(rng, level + 1))
                    .collect::<Vec<u8>>(),
            )
        }
        b'F' if level < 5 => long(&table(rng, level + 1)),
        b'A' | b'F' => long(&[]),
        b'V' => Vec::new(),
        _ => any(rng, 10),
    };
    [vec![kind], bytes].concat()
}

/// A table with arrays that are nested `levels` deep.
fn nested(levels: usize) -> Vec<u8> {
    let mut value = vec![1, b'k'];
    for level in (0..levels).rev() {
        value.push(b'A');
        value.extend(u32::try_from(level * 5 + 1).expect("small").to_be_bytes());
    }
    value.push(b'V');
    value
}

fn short_string(rng: &mut Rng) -> Vec<u8> {
    let length = size(*rng.pick(&LENGTHS));
    match rng.between(0, 2) {
        0 => any_of(rng, length),
        // Text that is cut in the middle of a character.
        1 => "a\u{20ac}".repeat(64).into_bytes()[..length].to_vec(),
        _ => vec![b'a'; length],
    }
}

fn body(rng: &mut Rng) -> Vec<u8> {
    match rng.between(0, 3) {
        0 => any(rng, 500),
        1 => br#"{"job":"expire","date":"2026-01-02","startedBy":"mallory"}"#.to_vec(),
        _ => {
            let n = rng.between(0, 1_000_000);
            let body = format!(
                r#"{{"type":"consume","referenceId":"m-{n}","userId":"mallory","service":"s","amount":1}}"#
            );
            body.into_bytes()
        }
    }
}

fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("not that long");
    [&length.to_be_bytes(), bytes].concat()
}

fn bits(rng: &mut Rng) -> u16 {
    u16::try_from(rng.between(0, u16::MAX.into())).expect("16 bits")
}

/// At most `most` random bytes.
fn any(rng: &mut Rng, most: i64) -> Vec<u8> {
    let length = size(rng.between(0, most));
    any_of(rng, length)
}

fn any_of(rng: &mut Rng, length: usize) -> Vec<u8> {
    let byte = |_| u8::try_from(rng.between(0, 255)).expect("a byte");
    (0..length).map(byte).collect()
}

fn size(number: i64) -> usize {
    usize::try_from(number).expect("a small number")
}
