//! Messages of any bytes against a real worker: the rounds that found an error once, and a new one.
//! `CONTRIBUTING.md` describes longer runs.

use fuzz::wire::{WireFuzzer, corpus};
use uuid::Uuid;

/// Conformance: Refusals and rejections: A message with unreadable properties is dead-lettered on
/// its first delivery and breaks no connection
#[tokio::test(flavor = "multi_thread")]
async fn any_messages_of_an_app_delay_no_commands_of_other_users() {
    let mut bed = WireFuzzer::start().await;
    for seed in corpus().into_iter().chain([Uuid::now_v7().as_u64_pair().1]) {
        if let Err(error) = bed.round(seed).await {
            panic!("seed {seed}: {error}");
        }
    }
    bed.finish().await;
}
