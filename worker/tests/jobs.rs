//! Jobs: run by a worker, and from the command line.

use serde_json::{Value, json};

use crate::process::{Home, eventually, list};

/// The completed runs of a job.
fn completed<'a>(list_of_runs: &'a Value, job: &'a str) -> impl Iterator<Item = &'a Value> {
    list(list_of_runs, "runs")
        .iter()
        .filter(move |run| run["job"] == job && run["status"] == "COMPLETED")
}

/// Lists runs until each of these jobs has a completed run.
fn when_completed(home: &Home, jobs: &[&str]) -> Value {
    eventually("the jobs are done", || {
        let runs = home.scrip(&["--json", "job", "list"]).ok().json();
        let done = jobs
            .iter()
            .all(|job| completed(&runs, job).next().is_some());
        done.then_some(runs)
    })
}

/// Conformance: Scheduler and jobs: A job run records its duration and the actor or scheduler that
/// started it
/// Conformance: Embedded deployment: The embedded worker runs jobs automatically
#[test]
fn a_starting_worker_runs_the_due_jobs_and_job_list_shows_them() {
    let home = Home::new();
    let worker = home.ready_worker();
    let jobs = ["grant", "expire", "verify"];
    let runs = when_completed(&home, &jobs);
    for run in jobs.iter().flat_map(|job| completed(&runs, job)) {
        let by = run["worker"].as_str().expect("a worker");
        assert_eq!(run["startedBy"], format!("scheduler of {by}"));
        assert!(
            run["startedAt"].is_string() && run["finishedAt"].is_string(),
            "{run}"
        );
        assert!(run["result"]["durationMs"].is_u64(), "{run}");
    }
    let verified = completed(&runs, "verify").next().expect("a run");
    assert_eq!(verified["result"]["holds"], true);
    let next = list(&runs, "next");
    for (next, job) in next.iter().zip(jobs) {
        assert!(next["job"] == job && next["at"].is_string(), "{next}");
    }
    let table = home.scrip(&["job", "list"]).ok().out;
    for text in [
        "completed",
        "scheduler of ",
        "next grant",
        "the book balances",
    ] {
        assert!(table.contains(text), "{text}: {table}");
    }
    assert!(worker.terminate().success());
}

#[test]
fn a_job_that_is_off_runs_only_from_the_command_line() {
    let home = Home::new().with("SCRIP__SCHEDULE__GRANT", "off");
    let worker = home.ready_worker();
    // Jobs run in order: the first would have finished before the last.
    let runs = when_completed(&home, &["expire", "verify"]);
    assert!(
        list(&runs, "runs").iter().all(|run| run["job"] != "grant"),
        "{runs:#}"
    );
    assert_eq!(runs["next"][0], json!({ "job": "grant", "at": null }));
    assert!(
        home.scrip(&["job", "list"])
            .ok()
            .out
            .contains("next grant   off\n")
    );
    home.scrip(&["job", "run", "grant"]).ok();
    let runs = when_completed(&home, &["grant"]);
    let granted = completed(&runs, "grant").next().expect("a run");
    assert_eq!(granted["startedBy"], "command line");
    assert!(worker.terminate().success());
}
