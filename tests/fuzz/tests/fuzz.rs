//! The fuzz targets without a fuzzer: every input of the corpus, then a fixed number of random
//! changes. `SCRIP_SEED` repeats a run. `tests/fuzz/README.md` describes longer runs.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use fuzz::{self, mutate, seeds};
use simulator::rng::Rng;

fn seed() -> u64 {
    let given = std::env::var("SCRIP_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1);
    println!("SCRIP_SEED={seed} repeats this run");
    seed
}

/// Prints the input if the target panics.
struct PrintInputOnPanic<'a>(&'a [u8]);

impl Drop for PrintInputOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the input: {}", self.0.escape_ascii());
        }
    }
}

fn run(target: fuzz::Target, input: &[u8]) {
    let guard = PrintInputOnPanic(input);
    target(guard.0);
}

fn short(name: &str, dictionary: &str, changes: usize) {
    let (_, target) = fuzz::TARGETS
        .into_iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    let inputs = seeds::all(name);
    for input in &inputs {
        run(target, input);
    }
    let words = mutate::words(dictionary);
    let mut rng = Rng::new(seed());
    for _ in 0..changes {
        run(target, &mutate::mutate(&inputs, &words, &mut rng));
    }
}

#[test]
fn every_body_is_decoded_without_change_or_rejected_with_a_reason() {
    short("decode", include_str!("../json.dict"), 60_000);
}

/// Conformance: Invariants and verification: All invariants hold after every step of a random
/// command sequence
#[test]
fn every_sequence_of_commands_in_any_groups_keeps_all_invariants() {
    short("sequence", "", 4_000);
}

#[test]
fn every_configuration_text_is_accepted_or_refused() {
    short("text", include_str!("../text.dict"), 20_000);
}
