//! `/livez` and `/readyz`: what is looked at, and when it is bad.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{
    Health, STALE,
    prober::{Answers, answers},
};
use crate::{
    clock::ClockReport,
    lane::{Condition, Connections, Queues, Seen},
    store::Risk,
};

/// What was looked at.
#[derive(Debug)]
pub struct Report {
    /// Whether nothing is bad.
    pub ok: bool,
    checks: Map<String, Value>,
}

impl Report {
    fn new(checks: impl IntoIterator<Item = (&'static str, bool, Value)>) -> Self {
        let mut report = Self {
            ok: true,
            checks: Map::new(),
        };
        for (name, ok, mut facts) in checks {
            report.ok &= ok;
            facts["ok"] = ok.into();
            report.checks.insert(name.to_owned(), facts);
        }
        report
    }

    /// As it is told.
    pub fn to_json(&self) -> String {
        json!({ "ok": self.ok, "checks": self.checks }).to_string()
    }
}

impl Health {
    /// Whether the process is as good as a new one. What a restart would not cure is not looked at: neither database
    /// nor broker.
    pub fn live(&self) -> Report {
        let Some(watched) = self.0.watched.get().filter(|_| !self.is_draining()) else {
            return Report::new([]);
        };
        let seen = watched.see();
        let (turned, good_since) = {
            let probed = self.probed();
            (probed.turned, probed.good_since)
        };
        let patience = watched.patience;
        let others = watched.tasks.iter().filter(|(_, task)| task.is_finished());
        let ended: Vec<&str> = seen
            .ended
            .iter()
            .copied()
            .chain(others.map(|(name, _)| *name))
            .collect();
        let stuck: Vec<&str> = seen
            .lanes
            .iter()
            .filter(|lane| is_stuck(lane.stats.pulse.busy_for(), good_since, patience))
            .map(|lane| lane.queue.as_str())
            .collect();
        let is_turning = turned.is_none_or(|turned| turned.elapsed() < patience);
        Report::new([
            ("tasks", ended.is_empty(), json!({ "ended": ended })),
            ("lanes", stuck.is_empty(), json!({ "stuck": stuck })),
            (
                "timers",
                is_turning,
                json!({ "ageMs": turned.map(|turned| millis(turned.elapsed())) }),
            ),
        ])
    }

    /// Whether the worker serves, or would if it were its turn.
    pub fn ready(&self) -> Report {
        let Some(watched) = self.0.watched.get() else {
            return Report::new([("worker", false, json!({ "state": "starting" }))]);
        };
        let seen = watched.see();
        let (database, redis) = {
            let probed = self.probed();
            (probed.database, probed.redis)
        };
        let draining = self.is_draining();
        let state = if draining { "draining" } else { "running" };
        let mut checks = vec![
            ("worker", !draining, json!({ "state": state })),
            self::database(database),
        ];
        if let Some(connections) = &seen.broker {
            checks.extend(broker(connections));
        }
        checks.extend(watched.clock.report().map(clock));
        checks.extend([lanes(&seen), self.lag(&seen)]);
        // A risk that the server's settings bring does not keep the worker from serving, and no
        // restart cures it.
        if let Some(risks) = watched.store.durability_risks() {
            let risks: Vec<&str> = risks.into_iter().map(Risk::as_str).collect();
            checks.push(("durability", true, json!({ "risks": risks })));
        }
        // Nobody needs it.
        checks.extend(redis.map(|up| ("redis", true, json!({ "answers": up }))));
        Report::new(checks)
    }

    fn lag(&self, seen: &Seen) -> (&'static str, bool, Value) {
        let limit = self.0.settings.max_lag;
        let queues = seen.queues.as_ref().filter(|queues| queues.at.elapsed() < STALE);
        let lag = queues.map(Queues::lag);
        let is_good = lag.zip(limit).is_none_or(|(lag, limit)| lag <= limit);
        let waited = seen.lanes.iter().map(|lane| lane.stats.snapshot().waited).max();
        let facts = json!({
            "commands": lag,
            "limit": limit,
            "ageMs": queues.map(|queues| millis(queues.at.elapsed())),
            "lastWaitedMs": waited.map(millis),
        });
        ("lag", is_good, facts)
    }
}

/// Whether a lane is stuck: it has made no turn for long, although it had all that it waits for meanwhile.
fn is_stuck(busy_for: Option<Duration>, good_since: Option<Instant>, patience: Duration) -> bool {
    let good_for = good_since.map(|since| since.elapsed());
    busy_for
        .zip(good_for)
        .is_some_and(|(busy, good)| busy.min(good) > patience)
}

fn database(database: Answers) -> (&'static str, bool, Value) {
    let facts = json!({
        "ageMs": database.at.map(|at| millis(at.elapsed())),
        "tookMs": database.at.map(|_| millis(database.took)),
        "error": database.error,
    });
    ("database", database.is_good(), facts)
}

fn clock(clock: ClockReport) -> (&'static str, bool, Value) {
    let facts = json!({
        "differenceMs": clock.difference.map(|difference| difference.num_milliseconds()),
        "ageMs": clock.compared.map(|at| millis(at.elapsed())),
        "limitMs": millis(clock.limits.stop),
    });
    ("clock", !clock.is_stopped, facts)
}

fn broker(connections: &Connections) -> [(&'static str, bool, Value); 2] {
    let receiving = &connections.receiving;
    let answered = receiving.answered.map(|at| millis(at.elapsed()));
    let mut facts = json!({ "ageMs": answered });
    for (name, link) in connections.named() {
        facts[name] = link.connected.into();
    }
    let all_connected = connections.named().iter().all(|(_, link)| link.connected);
    let blocked = connections.publishers().into_iter();
    let blocked = blocked.filter_map(|(_, link)| link.blocked_since).min();
    [
        ("broker", all_connected && answers(receiving), facts),
        (
            "blocked",
            blocked.is_none(),
            json!({ "forMs": blocked.map(|since| millis(since.elapsed())) }),
        ),
    ]
}

fn lanes(seen: &Seen) -> (&'static str, bool, Value) {
    let count = |condition| {
        seen.lanes
            .iter()
            .filter(|lane| lane.condition == condition)
            .count()
    };
    let paused = [
        Condition::AwaitingDatabase,
        Condition::AwaitingClock,
        Condition::Retrying,
        Condition::Alarmed,
    ];
    let is_good = seen.registered >= seen.expected && paused.iter().all(|condition| count(*condition) == 0);
    let facts = json!({
        "expected": seen.expected,
        "registered": seen.registered,
        "serving": count(Condition::Serving),
        "standby": count(Condition::Standby),
        "awaitingDatabase": count(Condition::AwaitingDatabase),
        "awaitingClock": count(Condition::AwaitingClock),
        "retrying": count(Condition::Retrying),
        "alarmed": count(Condition::Alarmed),
    });
    ("lanes", is_good, facts)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);
    const LONG: Option<Duration> = Some(Duration::from_mins(1));

    fn ago(seconds: u64) -> Option<Instant> {
        Instant::now().checked_sub(Duration::from_secs(seconds))
    }

    #[test]
    fn a_lane_is_stuck_when_it_makes_no_turn_although_everything_answers() {
        assert!(is_stuck(LONG, ago(60), PATIENCE));
    }

    #[test]
    fn a_lane_is_not_stuck_because_database_or_broker_are_away_or_have_just_come_back() {
        assert!(!is_stuck(LONG, None, PATIENCE), "away");
        assert!(!is_stuck(LONG, ago(1), PATIENCE), "just back");
    }

    #[test]
    fn a_lane_that_has_nothing_to_do_or_makes_turns_is_not_stuck() {
        assert!(!is_stuck(None, ago(60), PATIENCE), "idle");
        assert!(
            !is_stuck(Some(Duration::from_secs(1)), ago(60), PATIENCE),
            "at work"
        );
    }

    #[test]
    fn one_bad_check_makes_the_report_bad() {
        let good = ("a", true, json!({}));
        assert!(Report::new([good.clone()]).ok);
        let report = Report::new([good, ("b", false, json!({ "x": 1 }))]);
        assert!(!report.ok);
        assert_eq!(
            report.to_json(),
            r#"{"checks":{"a":{"ok":true},"b":{"ok":false,"x":1}},"ok":false}"#
        );
    }
}
