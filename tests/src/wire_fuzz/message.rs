//! Random messages, mostly such that the broker passes them on.

use crate::{
    raw_amqp::{RawProperties, direct_reply_overflow, frame_filled},
    year::dice::Dice,
};

/// Where a message is published to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Usage,
    Funding,
    Queries,
    /// A queue of the namespace, by the default exchange.
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

/// Of short strings.
const LENGTHS: [i64; 8] = [0, 1, 2, 60, 127, 128, 254, 255];
/// Those that the broker knows, and some that it does not.
const TYPES: &[u8] = b"tbBsuIilLfdDSAFTxV_UZ\x00\xff";

impl Message {
    pub(super) fn random(dice: &mut Dice, frame_max: usize) -> Self {
        let target = *dice.pick(&[
            Target::Usage,
            Target::Usage,
            Target::Funding,
            Target::Queries,
            Target::Queue("jobs"),
            Target::Queue("commands.0"),
            Target::Queue("unrouted"),
        ]);
        let routing_key = match (target, dice.between(0, 3)) {
            (Target::Queries, 0..3) => b"query".to_vec(),
            (_, 0) => short_string(dice),
            _ => dice.between(0, 63).to_string().into_bytes(),
        };
        let (properties, awaits_direct_reply) = properties(dice, frame_max);
        Self {
            target,
            routing_key,
            properties,
            awaits_direct_reply,
            body: body(dice),
        }
    }
}

fn properties(dice: &mut Dice, frame_max: usize) -> (RawProperties, bool) {
    let properties = match dice.between(0, 9) {
        0 => RawProperties::new(bits(dice), any(dice, 300)),
        1 => return (direct_reply_overflow(frame_max), true),
        2 | 3 => {
            // From what a second delivery lengthens beyond the limit to what the broker just takes.
            let length = frame_max + 8 - size(dice.between(0, 120));
            let expires = dice.chance(5_000);
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
            let levels = *dice.pick(&[1, 30, 31, 32, 33, 1_000, 20_000]);
            RawProperties::default().headers(&nested(levels))
        }
        _ => written(dice),
    };
    (properties, false)
}

/// Properties that are put together as they should be, of any bytes.
fn written(dice: &mut Dice) -> RawProperties {
    let mut properties = RawProperties::default();
    for bit in 0..14 {
        if !dice.chance(2_500) {
            continue;
        }
        let flag = 0x8000 >> bit;
        properties = match bit {
            2 => properties.headers(&table(dice, 0)),
            3 | 4 => properties.fixed(flag, &any_of(dice, 1)),
            // The broker takes only a number, and only the sender's own name.
            7 => properties.text(flag, dice.between(1, 100_000).to_string().as_bytes()),
            11 => properties,
            9 => properties.fixed(flag, &any_of(dice, 8)),
            _ => properties.text(flag, &short_string(dice)),
        };
    }
    properties
}

fn table(dice: &mut Dice, level: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..dice.between(0, 5) {
        let key = short_string(dice);
        bytes.push(u8::try_from(key.len()).expect("short"));
        bytes.extend(key);
        bytes.extend(value(dice, level));
    }
    bytes
}

fn value(dice: &mut Dice, level: u32) -> Vec<u8> {
    // Seldom one that the broker does not know: it would refuse the message.
    let known = TYPES.len() - 5;
    let types = if dice.chance(300) { TYPES } else { &TYPES[..known] };
    let kind = *dice.pick(types);
    let bytes = match kind {
        b't' | b'b' | b'B' => any_of(dice, 1),
        b's' | b'u' => any_of(dice, 2),
        b'I' | b'i' | b'f' => any_of(dice, 4),
        b'D' => any_of(dice, 5),
        b'l' | b'L' | b'd' | b'T' => any_of(dice, 8),
        b'S' | b'x' => long(&any(dice, 400)),
        b'A' if level < 5 => {
            let count = dice.between(0, 4);
            long(
                &(0..count)
                    .flat_map(|_| value(dice, level + 1))
                    .collect::<Vec<u8>>(),
            )
        }
        b'F' if level < 5 => long(&table(dice, level + 1)),
        b'A' | b'F' => long(&[]),
        b'V' => Vec::new(),
        _ => any(dice, 10),
    };
    [vec![kind], bytes].concat()
}

/// A table with arrays nested to this depth.
fn nested(levels: usize) -> Vec<u8> {
    let mut value = vec![1, b'k'];
    for level in (0..levels).rev() {
        value.push(b'A');
        value.extend(u32::try_from(level * 5 + 1).expect("small").to_be_bytes());
    }
    value.push(b'V');
    value
}

fn short_string(dice: &mut Dice) -> Vec<u8> {
    let length = size(*dice.pick(&LENGTHS));
    match dice.between(0, 2) {
        0 => any_of(dice, length),
        // Cut within a character.
        1 => "a\u{20ac}".repeat(64).into_bytes()[..length].to_vec(),
        _ => vec![b'a'; length],
    }
}

fn body(dice: &mut Dice) -> Vec<u8> {
    match dice.between(0, 3) {
        0 => any(dice, 500),
        1 => br#"{"job":"expire","date":"2026-01-02","startedBy":"mallory"}"#.to_vec(),
        _ => {
            let n = dice.between(0, 1_000_000);
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

fn bits(dice: &mut Dice) -> u16 {
    u16::try_from(dice.between(0, u16::MAX.into())).expect("16 bits")
}

/// Random bytes, at most this number of them.
fn any(dice: &mut Dice, most: i64) -> Vec<u8> {
    let length = size(dice.between(0, most));
    any_of(dice, length)
}

fn any_of(dice: &mut Dice, length: usize) -> Vec<u8> {
    let byte = |_| u8::try_from(dice.between(0, 255)).expect("a byte");
    (0..length).map(byte).collect()
}

fn size(number: i64) -> usize {
    usize::try_from(number).expect("a small number")
}
