//! The report, as a table and as JSON.

use std::fmt::Write;

use serde_json::json;

use crate::{jobs::Done, process::Peak, reads::Pages, seed::Seeded, verify::Verified};

/// All measurements.
#[derive(Debug)]
pub struct Report {
    pub seeded: Vec<Seeded>,
    pub jobs: Vec<Done>,
    pub pages: Pages,
    pub verified: Verified,
}

impl Report {
    /// The peak memory of every process.
    fn peaks(&self) -> Vec<(String, Peak)> {
        let mut peaks = Vec::new();
        for done in &self.jobs {
            let name = done.job.name;
            peaks.push((format!("worker, job {name}"), done.worker));
            peaks.push((format!("scrip job run {name}"), done.runner));
        }
        peaks.push(("worker, queries".to_owned(), self.pages.worker));
        peaks.push(("scrip verify".to_owned(), self.verified.peak));
        peaks
    }

    pub fn to_table(&self) -> String {
        let mut table = String::new();
        let _ = writeln!(table, "{:<40}{:>12}", "seeding", "seconds");
        for seeded in &self.seeded {
            let _ = writeln!(table, "{:<40}{:>12.1}", seeded.table, seeded.seconds);
        }
        let _ = writeln!(
            table,
            "\n{:<40}{:>12}{:>12}{:>12}{:>12}",
            "jobs", "rows", "seconds", "per second", "again, s"
        );
        for done in &self.jobs {
            let name = format!("{}: {}", done.job.name, done.job.rows);
            let (rows, rate) = (done.rows, done.per_second());
            let _ = writeln!(
                table,
                "{name:<40}{rows:>12}{:>12.1}{rate:>12.0}{:>12.1}",
                done.seconds, done.again
            );
        }
        let _ = writeln!(
            table,
            "\n{:<40}{:>12}{:>12}{:>12}",
            "history", "from", "median, ms", "worst, ms"
        );
        for page in &self.pages.pages {
            let _ = writeln!(
                table,
                "{:<40}{:>12}{:>12.2}{:>12.2}",
                page.name, page.from, page.median, page.worst
            );
        }
        let verified = &self.verified;
        let _ = writeln!(
            table,
            "\n{:<40}{:>12}{:>12}{:>12}",
            "verification", "wallets", "entries", "seconds"
        );
        let _ = writeln!(
            table,
            "{:<40}{:>12}{:>12}{:>12.1}",
            "scrip verify", verified.wallets, verified.transactions, verified.seconds
        );
        let _ = writeln!(
            table,
            "\n{:<40}{:>12}{:>12}",
            "memory", "peak, MB", "bound, MB"
        );
        for (process, peak) in self.peaks() {
            let (megabytes, bound) = (peak.megabytes(), Peak::BOUND);
            let _ = writeln!(table, "{process:<40}{megabytes:>12.1}{bound:>12}");
        }
        table
    }

    pub fn to_json(&self) -> String {
        let seeded = self.seeded.iter();
        let seeded: Vec<_> = seeded
            .map(|seeded| json!({ "what": seeded.table, "seconds": seeded.seconds }))
            .collect();
        let jobs = self.jobs.iter();
        let jobs: Vec<_> = jobs
            .map(|done| {
                json!({ "job": done.job.name, "rows": done.rows, "seconds": done.seconds,
                    "perSecond": done.per_second(), "againSeconds": done.again })
            })
            .collect();
        let pages = self.pages.pages.iter();
        let pages: Vec<_> = pages
            .map(|page| {
                json!({ "page": page.name, "from": page.from, "medianMillis": page.median,
                    "worstMillis": page.worst })
            })
            .collect();
        let peaks = self.peaks();
        let peaks: Vec<_> = peaks
            .iter()
            .map(|(process, peak)| {
                json!({ "process": process, "megabytes": peak.megabytes(), "bound": Peak::BOUND })
            })
            .collect();
        let verified = &self.verified;
        let verified = json!({ "wallets": verified.wallets, "transactions": verified.transactions,
            "seconds": verified.seconds });
        json!({ "seeding": seeded, "jobs": jobs, "history": pages, "verification": verified,
            "peaks": peaks })
        .to_string()
    }
}
