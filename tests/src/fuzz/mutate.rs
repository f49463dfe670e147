//! Changes a text of bytes a little, as a fuzzer does.

use super::escaped::unescape;
use crate::year::dice::Dice;

/// One of the inputs with up to four changes.
pub fn mutate(inputs: &[Vec<u8>], words: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = dice.pick(inputs).clone();
    for _ in 0..dice.between(1, 4) {
        change(&mut input, inputs, words, dice);
    }
    input
}

fn change(input: &mut Vec<u8>, inputs: &[Vec<u8>], words: &[Vec<u8>], dice: &mut Dice) {
    let at = place(input.len(), dice);
    let until = at + place((input.len() - at).min(16), dice);
    match dice.between(0, 7) {
        0 if at < input.len() => input[at] ^= 1 << dice.between(0, 7),
        1 if at < input.len() => input[at] = byte(dice),
        2 => drop(input.drain(at..until)),
        3 => {
            let again = input[at..until].to_vec();
            input.splice(at..at, again);
        }
        4 => {
            let other = dice.pick(inputs);
            let from = place(other.len(), dice);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        5 | 6 if !words.is_empty() => {
            let until = if dice.chance(5_000) { at } else { until };
            input.splice(at..until, dice.pick(words).iter().copied());
        }
        _ => input.insert(at, byte(dice)),
    }
}

/// From 0 to `length`.
fn place(length: usize, dice: &mut Dice) -> usize {
    let length = i64::try_from(length).expect("a short text");
    usize::try_from(dice.between(0, length)).expect("in range")
}

fn byte(dice: &mut Dice) -> u8 {
    u8::try_from(dice.between(0, 255)).expect("in range")
}

/// The words of a dictionary as libFuzzer reads it: one in quotes a line, with `\"`, `\\` and `\xNN`.
pub fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let lines = dictionary.lines().map(str::trim);
    let quoted = lines.filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_read_as_libfuzzer_reads_it() {
        let dictionary = "# words\n\"null\"\n\"\\\"a\\\\\"\n\"\\x00\\xe2!\"\n";
        let words = words(dictionary);
        assert_eq!(words, [b"null".to_vec(), b"\"a\\".to_vec(), b"\0\xe2!".to_vec()]);
    }

    #[test]
    fn the_same_seed_makes_the_same_changes() {
        let inputs = [b"one text".to_vec(), b"another".to_vec()];
        let changed = || {
            let mut dice = Dice::new(7);
            let changes = (0..100).map(|_| mutate(&inputs, &[b"word".to_vec()], &mut dice));
            changes.collect::<Vec<_>>()
        };
        assert_eq!(changed(), changed());
    }
}
