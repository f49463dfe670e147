//! Requests at their times, beside commands that are published evenly.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::{
    publisher::Publisher,
    report::rate,
    stage::{Sizes, Stage},
    workload::{Users, Workload},
};

/// Whose queues both go through.
pub const LANES: u32 = 2;
/// The load is published in so many portions a second, which is as finely as the timer goes.
const PORTIONS: u32 = 1_000;
/// What is published of it at least, or it is told.
const REACHED: f64 = 0.95;

/// Commands that are published beside the requests of which the latency is taken, for as long as those last.
#[derive(Clone, Debug)]
pub struct Load {
    pub workload: Workload,
    offered: f64,
    seconds: f64,
}

impl Load {
    /// So many commands a second.
    pub fn new(stage: &mut Stage, offered: f64) -> Self {
        let sizes = stage.sizes;
        let seconds = f64::from(sizes.loaded_samples) / f64::from(sizes.samples_a_second);
        Self {
            workload: Workload::consume(stage, Users::Uniform(10_000), whole(offered * seconds)),
            offered,
            seconds,
        }
    }

    /// Whether there is none.
    pub const fn is_none(&self) -> bool {
        self.workload.messages == 0
    }

    /// Publishes it evenly. How many a second were published and confirmed.
    pub async fn publish(self, mut publisher: Publisher) -> f64 {
        let portions = whole(self.seconds * f64::from(PORTIONS)).max(1);
        let started = Instant::now();
        let mut begun = 0;
        let mut tick = interval(Duration::from_secs(1) / PORTIONS);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for (n, message) in self.workload.messages().enumerate() {
            while begun <= n * portions / self.workload.messages {
                tick.tick().await;
                begun += 1;
            }
            publisher.publish(&message).await;
        }
        publisher.confirmed().await;
        let rate = rate(self.workload.messages, started.elapsed());
        publisher.close().await;
        rate
    }

    /// Tells if so many a second are fewer than there should have been.
    pub fn check(&self, stage: &mut Stage, achieved: f64) {
        if achieved < REACHED * self.offered {
            let offered = self.offered;
            let note = format!("the load of {offered:.0}/s was not reached, {achieved:.0}/s were published");
            stage.notes.push(note);
        }
    }
}

/// When which request is to be sent, whether or not the ones before are answered.
#[derive(Debug)]
pub struct Times {
    started: Instant,
    next: u32,
    samples: u32,
    a_second: u32,
}

impl Times {
    /// From now on.
    pub fn start(sizes: &Sizes) -> Self {
        Self {
            started: Instant::now(),
            next: 0,
            samples: sizes.loaded_samples,
            a_second: sizes.samples_a_second,
        }
    }

    /// Waits for the next one's time: its number, and that time, from which its latency counts.
    pub async fn next(&mut self) -> Option<(usize, Instant)> {
        if self.next >= self.samples {
            return None;
        }
        let due = self.started + Duration::from_secs(1) * self.next / self.a_second;
        sleep_until(due).await;
        let n = self.next;
        self.next += 1;
        Some((n as usize, due))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of commands"
)]
const fn whole(number: f64) -> usize {
    number as usize
}
