//! The processor time of this process, and of the database and the broker if they run on this
//! machine.

use std::fs;

/// The kernel counts processor time in hundredths of a second.
const TICK_MICROS: u32 = 10_000;

/// The processor time that was used so far, in ticks.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    ours: u32,
    postgres: u32,
    broker: u32,
}

impl Cpu {
    /// The processor time up to now.
    pub fn now() -> Self {
        let mut used = Self {
            ours: 0,
            postgres: 0,
            broker: 0,
        };
        let us = std::process::id().to_string();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
                continue;
            };
            let Some((name, ticks)) = parse(&stat) else {
                continue;
            };
            match name {
                "postgres" => used.postgres += ticks,
                "beam.smp" => used.broker += ticks,
                _ if entry.file_name().to_str() == Some(&us) => used.ours += ticks,
                _ => {}
            }
        }
        used
    }

    /// The microseconds per command since `before`, for this process, the database and the broker.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn since(self, before: Self, commands: usize) -> Vec<f64> {
        let each = |now: u32, before: u32| {
            f64::from(now.saturating_sub(before)) * f64::from(TICK_MICROS) / commands as f64
        };
        vec![
            each(self.ours, before.ours),
            each(self.postgres, before.postgres),
            each(self.broker, before.broker),
        ]
    }
}

/// The name of a process, and its ticks including those of its ended children.
fn parse(stat: &str) -> Option<(&str, u32)> {
    let (begin, end) = (stat.find('(')?, stat.rfind(')')?);
    let fields = stat[end + 1..].split_whitespace().skip(11).take(4);
    let ticks = fields
        .map(|field| field.parse::<u32>().ok())
        .sum::<Option<u32>>()?;
    Some((&stat[begin + 1..end], ticks))
}
