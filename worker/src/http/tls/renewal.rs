//! Uses renewed files without a restart.
//!
//! The contents are compared, because renewals also replace links and keep modification times.
//! Certificate and key are two files, and a file may be half written. So contents count only if two
//! reads in a row find the same.

use std::{ops::Range, sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
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
    problem,
    warnings::{log, tls_warnings},
};
use crate::config::{HttpTls, Problem};

/// The pause between two reads of the files.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The result of a read.
type Found = Result<Contents, Vec<Problem>>;

/// The consequence of a read.
enum Step {
    Nothing,
    Use(Certificate),
    Report(Vec<Problem>),
}

/// The reads so far.
pub struct Poll {
    in_use: Contents,
    /// The time in which the certificate in use is valid.
    valid: Range<DateTime<Utc>>,
    /// The last read, if it is not in use.
    last: Option<Found>,
    /// The last read that was reported.
    reported: Option<Found>,
}

/// Renews the certificate until the server ends.
pub async fn run(
    files: HttpTls,
    mut poll: Poll,
    sender: watch::Sender<Arc<ServerConfig>>,
    counters: TlsCounters,
) {
    let files = Arc::new(files);
    let mut ticks = interval(POLL_INTERVAL);
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
        match poll.step(&files, found, Utc::now()) {
            Step::Nothing => {}
            Step::Use(certificate) => {
                let until = time(certificate.end);
                info!(until, "certificate of the HTTP server renewed");
                log(&tls_warnings(&files, &certificate, Utc::now()));
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

impl Poll {
    pub const fn new(in_use: Contents, certificate: &Certificate) -> Self {
        Self {
            in_use,
            valid: certificate.begin..certificate.end,
            last: None,
            reported: None,
        }
    }

    fn step(&mut self, files: &HttpTls, found: Found, now: DateTime<Utc>) -> Step {
        if found.as_ref() == Ok(&self.in_use) {
            (self.last, self.reported) = (None, None);
            return Step::Nothing;
        }
        if self.last.as_ref() != Some(&found) {
            self.last = Some(found);
            return Step::Nothing;
        }
        let parsed = match &found {
            Ok(contents) => Certificate::parse(files, contents),
            Err(problems) => Err(problems.clone()),
        };
        let problems = match (parsed, &found) {
            (Ok(certificate), Ok(contents))
                if certificate.is_valid_at(now) || !self.valid.contains(&now) =>
            {
                *self = Self::new(contents.clone(), &certificate);
                return Step::Use(certificate);
            }
            // It is tried again at each read, so that it is used from its begin on.
            (Ok(certificate), _) => vec![invalid(files, &certificate)],
            (Err(problems), _) => problems,
        };
        if self.reported.as_ref() == Some(&found) {
            return Step::Nothing;
        }
        self.reported = Some(found);
        Step::Report(problems)
    }
}

/// The problem of a certificate that is not valid now, while the one in use is.
fn invalid(files: &HttpTls, certificate: &Certificate) -> Problem {
    let (begin, end) = (time(certificate.begin), time(certificate.end));
    let what = format!("whose certificate is valid from {begin} to {end} only");
    problem(files, HttpTls::CERTIFICATE, &what)
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
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
    fn files_that_cannot_be_used_are_reported_once_if_the_next_read_finds_them_again() {
        let files = HttpTls {
            certificate: PathBuf::from("a.crt"),
            key: PathBuf::from("a.key"),
        };
        let now = Utc::now();
        let mut poll = Poll {
            in_use: contents("in use"),
            valid: now..now,
            last: None,
            reported: None,
        };
        let mut reported = |found: Found| match poll.step(&files, found, now) {
            Step::Nothing => false,
            Step::Report(problems) => {
                assert_eq!(problems.len(), 2, "{problems:?}");
                true
            }
            Step::Use(_) => panic!("no certificate is valid"),
        };
        let missing = || {
            let problem = |key| problem(&files, key, "which cannot be read");
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
