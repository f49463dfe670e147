//! Uses renewed files without a restart.
//!
//! The contents are compared, because renewals also replace links and keep modification times.
//! Certificate and key are two files, so they do not fit for a moment while they are replaced.
//! Therefore files that cannot be used are an error only if the next look finds them again.

use std::{sync::Arc, time::Duration};

use chrono::{SecondsFormat, Utc};
use rustls::ServerConfig;
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info};

use super::{
    certificate::Certificate,
    counters::TlsCounters,
    files::{self, Contents},
    warnings::{log, warnings},
};
use crate::config::{HttpTls, Problem};

/// Interval at which the files are read.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What was found at a look.
type Found = Result<Contents, Vec<Problem>>;

/// What to do after a look.
enum Step {
    Nothing,
    Use(Certificate),
    Report(Vec<Problem>),
}

/// What the looks so far have found.
struct Looks {
    /// What is in use, or was reported.
    settled: Found,
    /// What could not be used at the last look.
    doubtful: Option<Found>,
}

/// Renews the certificate until it is used no more.
pub async fn run(
    files: HttpTls,
    in_use: Contents,
    sender: watch::Sender<Arc<ServerConfig>>,
    counters: TlsCounters,
) {
    let files = Arc::new(files);
    let mut looks = Looks::new(in_use);
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = sender.closed() => return,
            _ = ticks.tick() => {}
        }
        let reading = files.clone();
        let Ok(found) = spawn_blocking(move || files::read(&reading)).await else {
            continue;
        };
        match looks.step(&files, found) {
            Step::Nothing => {}
            Step::Use(certificate) => {
                let until = certificate.end.to_rfc3339_opts(SecondsFormat::Secs, true);
                info!(until, "certificate of the HTTP server renewed");
                log(&warnings(&files, &certificate, Utc::now()));
                counters.uses_until(certificate.end);
                sender.send_replace(certificate.config);
            }
            Step::Report(problems) => {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                let error = problems.join("; ");
                error!(
                    alarm = true,
                    error, "renewed certificate of the HTTP server is unusable, using the old one"
                );
            }
        }
    }
}

impl Looks {
    const fn new(in_use: Contents) -> Self {
        Self {
            settled: Ok(in_use),
            doubtful: None,
        }
    }

    fn step(&mut self, files: &HttpTls, found: Found) -> Step {
        if found == self.settled {
            self.doubtful = None;
            return Step::Nothing;
        }
        let parsed = match &found {
            Ok(contents) => Certificate::parse(files, contents),
            Err(problems) => Err(problems.clone()),
        };
        match parsed {
            Ok(certificate) => {
                *self = Self {
                    settled: found,
                    doubtful: None,
                };
                Step::Use(certificate)
            }
            Err(problems) if self.doubtful.as_ref() == Some(&found) => {
                *self = Self {
                    settled: found,
                    doubtful: None,
                };
                Step::Report(problems)
            }
            Err(_) => {
                self.doubtful = Some(found);
                Step::Nothing
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn contents(text: &str) -> Contents {
        Contents {
            certificate: text.into(),
            key: text.into(),
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_reported_once_if_the_next_look_finds_them_again() {
        let files = HttpTls {
            certificate: PathBuf::from("a.crt"),
            key: PathBuf::from("a.key"),
        };
        let mut looks = Looks::new(contents("in use"));
        let mut reported = |found: Found| match looks.step(&files, found) {
            Step::Nothing => false,
            Step::Report(problems) => {
                assert_eq!(problems.len(), 2, "{problems:?}");
                true
            }
            Step::Use(_) => panic!("no certificate is valid"),
        };
        let missing = || {
            let problem = |key| super::super::problem(&files, key, "which cannot be read");
            Err(vec![problem(HttpTls::CERTIFICATE), problem(HttpTls::KEY)])
        };
        for (found, expected) in [
            (Ok(contents("in use")), false),
            (Ok(contents("half written")), false),
            (Ok(contents("in use")), false),
            (Ok(contents("half written")), false),
            (Ok(contents("wrong")), false),
            (Ok(contents("wrong")), true),
            (Ok(contents("wrong")), false),
            (missing(), false),
            (missing(), true),
            (missing(), false),
        ] {
            assert_eq!(reported(found), expected);
        }
    }
}
