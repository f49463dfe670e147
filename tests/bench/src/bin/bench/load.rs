//! A steady load of commands, and the schedule of the requests that are measured under it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::{
    fixture::{Fixture, Sizes},
    publisher::Publisher,
    report::rate,
    workload::{Users, Workload},
};

/// The number of lanes. Load and requests go through their queues.
pub const LANES: u32 = 2;
/// The number of slices per second in which the load is published. This is the resolution of the
/// timer.
const SLICES: u32 = 1_000;
/// The part of the load that must be published. Otherwise the report has a note.
const REACHED: f64 = 0.95;

/// Commands that are published during the measurement of latency.
#[derive(Clone, Debug)]
pub struct Load {
    pub workload: Workload,
    /// The intended commands per second.
    offered: f64,
    seconds: f64,
}

impl Load {
    /// A load of `offered` commands per second.
    pub fn new(fixture: &mut Fixture, offered: f64) -> Self {
        let sizes = fixture.sizes;
        let seconds = f64::from(sizes.loaded_samples) / f64::from(sizes.samples_per_second);
        Self {
            workload: Workload::consume(fixture, Users::Uniform(10_000), whole(offered * seconds)),
            offered,
            seconds,
        }
    }

    /// Whether the load has no commands.
    pub const fn is_none(&self) -> bool {
        self.workload.messages == 0
    }

    /// Publishes the load at a steady rate. Returns the commands per second that were published and
    /// confirmed.
    pub async fn publish(self, mut publisher: Publisher) -> f64 {
        let slices = whole(self.seconds * f64::from(SLICES)).max(1);
        let started = Instant::now();
        let mut begun = 0;
        let mut tick = interval(Duration::from_secs(1) / SLICES);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for (n, message) in self.workload.messages().enumerate() {
            while begun <= n * slices / self.workload.messages {
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

    /// Adds a note if the achieved rate is too low.
    pub fn check(&self, fixture: &mut Fixture, achieved: f64) {
        if achieved < REACHED * self.offered {
            let offered = self.offered;
            let note = format!(
                "the load of {offered:.0}/s was not reached, {achieved:.0}/s were published"
            );
            fixture.notes.push(note);
        }
    }
}

/// The times at which requests are sent. They do not depend on the replies to earlier requests.
#[derive(Debug)]
pub struct Schedule {
    started: Instant,
    next: u32,
    samples: u32,
    per_second: u32,
}

impl Schedule {
    /// A schedule that starts now.
    pub fn start(sizes: &Sizes) -> Self {
        Self {
            started: Instant::now(),
            next: 0,
            samples: sizes.loaded_samples,
            per_second: sizes.samples_per_second,
        }
    }

    /// Waits for the time of the next request. Returns the request's number and its scheduled time,
    /// from which the latency counts; `None` after the last request.
    pub async fn next(&mut self) -> Option<(usize, Instant)> {
        if self.next >= self.samples {
            return None;
        }
        let due = self.started + Duration::from_secs(1) * self.next / self.per_second;
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
