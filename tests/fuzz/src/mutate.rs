//! Small random changes of a byte string, like those of a fuzzer.

use super::escaped::unescape;
use simulator::rng::Rng;

/// A random input with one to four changes.
pub fn mutate(inputs: &[Vec<u8>], words: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = rng.pick(inputs).clone();
    for _ in 0..rng.between(1, 4) {
        change(&mut input, inputs, words, rng);
    }
    input
}

fn change(input: &mut Vec<u8>, inputs: &[Vec<u8>], words: &[Vec<u8>], rng: &mut Rng) {
    let at = position(input.len(), rng);
    let until = at + position((input.len() - at).min(16), rng);
    match rng.between(0, 7) {
        0 if at < input.len() => input[at] ^= 1 << rng.between(0, 7),
        1 if at < input.len() => input[at] = byte(rng),
        2 => drop(input.drain(at..until)),
        3 => {
            let again = input[at..until].to_vec();
            input.splice(at..at, again);
        }
        4 => {
            let other = rng.pick(inputs);
            let from = position(other.len(), rng);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        5 | 6 if !words.is_empty() => {
            let until = if rng.chance(5_000) { at } else { until };
            input.splice(at..until, rng.pick(words).iter().copied());
        }
        _ => input.insert(at, byte(rng)),
    }
}

/// A random number from 0 to `length`.
fn position(length: usize, rng: &mut Rng) -> usize {
    let length = i64::try_from(length).expect("a short text");
    usize::try_from(rng.between(0, length)).expect("in range")
}

fn byte(rng: &mut Rng) -> u8 {
    u8::try_from(rng.between(0, 255)).expect("in range")
}

/// The words of a libFuzzer dictionary: one quoted word per line, with the escapes `\"`, `\\` and
/// `\xNN`.
pub fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let lines = dictionary.lines().map(str::trim);
    let quoted = lines.filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_parsed_like_libfuzzer_does() {
        let dictionary = "# words\n\"null\"\n\"\\\"a\\\\\"\n\"\\x00\\xe2!\"\n";
        let words = words(dictionary);
        assert_eq!(
            words,
            [b"null".to_vec(), b"\"a\\".to_vec(), b"\0\xe2!".to_vec()]
        );
    }

    #[test]
    fn the_same_seed_makes_the_same_changes() {
        let inputs = [b"one text".to_vec(), b"another".to_vec()];
        let changed = || {
            let mut rng = Rng::new(7);
            let changes = (0..100).map(|_| mutate(&inputs, &[b"word".to_vec()], &mut rng));
            changes.collect::<Vec<_>>()
        };
        assert_eq!(changed(), changed());
    }
}
