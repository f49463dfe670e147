//! Tests the order in which addresses are tried.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Mutex;

use super::*;

/// Names that no other test uses, because failures are remembered for the whole process.
fn named<const N: usize>(test: &str) -> Vec<(String, usize)> {
    (0..N).map(|n| (format!("{test} {n}"), n)).collect()
}

/// The addresses in the order in which they are tried when all of them fail.
async fn order(addresses: Vec<(String, usize)>) -> Vec<usize> {
    let order = Mutex::new(Vec::new());
    let tried = first_answer(addresses, |address| {
        order.lock().expect("no panic").push(address);
        async { Err::<(), _>("refused") }
    });
    tried.await.expect_err("all fail");
    order.into_inner().expect("no panic")
}

#[tokio::test]
async fn each_address_is_the_first_one_at_times() {
    let mut first = BTreeSet::new();
    // One of four is missed by this number of attempts once in 10^12 runs.
    for _ in 0..100 {
        first.insert(order(named::<4>("random")).await[0]);
        FAILURES.lock().retain(|name, _| !name.contains("random"));
    }
    assert_eq!(first.len(), 4);
}

#[tokio::test]
async fn an_address_that_failed_is_tried_last_until_it_answers() {
    let addresses = named::<3>("failed");
    FAILURES.note("failed 2");
    FAILURES.note("failed 0");
    for _ in 0..20 {
        let answer = first_answer(addresses.clone(), |address| async move {
            if address == 1 {
                Err("refused")
            } else {
                Ok(address)
            }
        });
        // The second one is refused once, and is behind the others from then on.
        assert_eq!(answer.await, Ok(2));
        FAILURES.note("failed 2");
        FAILURES.note("failed 0");
        FAILURES.forget("failed 1");
    }
    FAILURES.forget("failed 0");
    FAILURES.forget("failed 2");
    FAILURES.note("failed 1");
    for _ in 0..20 {
        let answer = first_answer(addresses.clone(), |address| async move {
            Ok::<_, &str>(address)
        });
        assert_ne!(answer.await, Ok(1));
    }
}

#[tokio::test]
async fn a_silent_address_does_not_hide_the_others_and_is_remembered() {
    let addresses = named::<3>("silent");
    // So it is tried last.
    FAILURES.note("silent 2");
    for expected in [3, 1] {
        let tried = Mutex::new(Vec::new());
        let answer = first_answer(addresses.clone(), |address| {
            tried.lock().expect("no panic").push(address);
            async move {
                match address {
                    0 | 1 => pending().await,
                    _ => Ok::<_, &str>(address),
                }
            }
        });
        assert_eq!(answer.await, Ok(2));
        let tried = tried.into_inner().expect("no panic");
        assert_eq!(tried.len(), expected, "{tried:?}");
    }
}

#[tokio::test]
async fn if_none_answers_the_errors_are_in_the_order_of_the_list() {
    for _ in 0..20 {
        let failed = first_answer(named::<3>("errors"), |address| async move {
            Err::<(), _>(address)
        });
        assert_eq!(failed.await, Err(vec![0, 1, 2]));
    }
    let none = first_answer(Vec::new(), |address: ()| async move {
        Err::<(), _>(format!("{address:?}"))
    });
    assert_eq!(none.await, Err(Vec::new()));
}

#[test]
fn a_failure_is_new_only_once_until_it_is_forgotten() {
    let failures = Failures(Mutex::default());
    assert!(failures.note("a"));
    assert!(!failures.note("a"));
    assert!(failures.note("b"));
    failures.forget("a");
    assert!(failures.note("a"));
}
