//! The fuzz targets without a fuzzer: every input of the corpus, then a fixed number of random changes of it.
//! `SCRIP_SEED` repeats a run; `tests/fuzz/README.md` says how to run them for longer.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use tests::{
    fuzz::{self, mutate, seeds},
    year::dice::Dice,
};

fn seed() -> u64 {
    let given = std::env::var("SCRIP_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1);
    println!("SCRIP_SEED={seed} repeats this run");
    seed
}

/// Tells which input it was, if the target panics.
struct Telling<'a>(&'a [u8]);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the input: {}", self.0.escape_ascii());
        }
    }
}

fn run(target: fuzz::Target, input: &[u8]) {
    let telling = Telling(input);
    target(telling.0);
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
    let mut dice = Dice::new(seed());
    for _ in 0..changes {
        run(target, &mutate::mutate(&inputs, &words, &mut dice));
    }
}

#[test]
fn whatever_arrives_is_taken_as_what_it_says_or_rejected_with_a_reason() {
    short("decode", include_str!("../fuzz/json.dict"), 60_000);
}

#[test]
fn whatever_is_sent_in_whatever_order_and_groups_the_book_balances() {
    short("sequence", "", 4_000);
}

#[test]
fn whatever_is_configured_or_asked_with_is_understood_or_refused() {
    short("text", include_str!("../fuzz/text.dict"), 20_000);
}
