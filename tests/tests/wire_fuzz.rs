//! Messages of any bytes against a real worker: the rounds that found something once, and a new one.
//! `CONTRIBUTING.md` says how to play more of them.

use tests::wire_fuzz::{Bed, corpus};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_app_publishes_other_users_commands_are_applied_within_seconds() {
    let mut bed = Bed::start().await;
    for seed in corpus().into_iter().chain([Uuid::now_v7().as_u64_pair().1]) {
        if let Err(error) = bed.round(seed).await {
            panic!("seed {seed}: {error}");
        }
    }
    bed.finish().await;
}
