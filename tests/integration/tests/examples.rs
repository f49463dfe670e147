//! The example programs run as a newcomer runs them, against a real worker: installed from their
//! lock files, and compared with the output that their README files show. `clients` does the same
//! for the packages in `clients`, and `apps` for the web apps.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "examples/apps.rs"]
mod apps;
#[path = "examples/browser.rs"]
mod browser;
#[path = "examples/clients.rs"]
mod clients;
#[path = "examples/contract.rs"]
mod contract;
#[path = "examples/running.rs"]
mod running;

use std::{path::Path, process::Stdio, time::Duration};

use testkit::{broker::TestBroker, db::TestDatabase, process::Deployment, sources::root};
use tokio::{process::Command, time::timeout};

/// The registries may be slow.
const INSTALL_WITHIN: Duration = Duration::from_mins(10);
const RUN_WITHIN: Duration = Duration::from_mins(1);

/// What installing and starting an example leaves in its folder.
const NOT_COPIED: [&str; 9] = [
    "node_modules",
    "dist",
    "test-dist",
    "build",
    ".next",
    ".venv",
    "__pycache__",
    ".scrip",
    ".env",
];

/// Closes a client of which the broker has closed the channel. Node.js then ends by itself.
const CLOSE_AFTER_REFUSAL: &str = r#"
import { ScripClient } from "./dist/scripClient.js";
const scrip = new ScripClient(process.env.AMQP_URL, "missing");
await scrip.balance("ada").then(() => process.exit(1), () => {});
await scrip.close();
"#;

/// Runs a program in a folder, and returns what it printed.
async fn run(
    folder: &Path,
    words: &[&str],
    environment: &[(&str, &str)],
    within: Duration,
) -> String {
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command.envs(environment.iter().copied());
    unaffected(&mut command);
    let output = timeout(within, command.output())
        .await
        .unwrap_or_else(|_| panic!("{words:?} takes longer than {within:?}"))
        .unwrap_or_else(|error| panic!("{words:?} cannot be started: {error}"));
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{words:?}:\n{out}\n{err}");
    out
}

/// Keeps a proxy and the colours that the machine asks for out of a program.
fn unaffected(command: &mut Command) {
    command
        .envs(["NO_PROXY", "no_proxy"].map(|name| (name, "127.0.0.1,localhost")))
        .env_remove("FORCE_COLOR");
}

/// Copies an example, so that nothing is installed in the repository.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is writable");
    for entry in std::fs::read_dir(from).expect("an example") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        match name.to_str() {
            Some(name) if NOT_COPIED.contains(&name) => {}
            _ if path.is_dir() => copy(&path, &to.join(name)),
            _ => drop(std::fs::copy(&path, to.join(name)).expect("a copy")),
        }
    }
}

/// The output that the README of an example shows for a new user.
fn documented(example: &str) -> String {
    let path = root().join("examples").join(example).join("README.md");
    let text = std::fs::read_to_string(path).expect("the README");
    let block = text.split_once("```text\n").expect("the output").1;
    block.split_once("```").expect("its end").0.to_owned()
}

async fn prints_what_its_readme_shows(
    example: &str,
    install: &[&[&str]],
    start: &[&str],
    others: &[&[&str]],
) {
    let broker = TestBroker::undeclared(1).await;
    let database = TestDatabase::postgres().await;
    let namespace = broker.topology().namespace().to_owned();
    let deployment = Deployment::on_servers(broker.url(), database.url(), &namespace);
    // A newcomer has no configuration.
    std::fs::write(deployment.folder().join("scrip.toml"), "").expect("writable");
    deployment.succeed(&["migrate", "up"]).await;
    let worker = deployment.ready_worker().await;
    let folder = deployment.folder().join(example);
    copy(&root().join("examples").join(example), &folder);
    for words in install {
        run(&folder, words, &[], INSTALL_WITHIN).await;
    }
    let environment = [("AMQP_URL", broker.url()), ("SCRIP_NAMESPACE", &namespace)];
    let words = [start, &["ada"]].concat();
    let first = run(&folder, &words, &environment, RUN_WITHIN).await;
    assert_eq!(first, documented(example));
    // Each reference is applied once, so a second run changes nothing.
    let second = run(&folder, &words, &environment, RUN_WITHIN).await;
    let last = |text: &str| text.lines().last().map(str::to_owned);
    assert_eq!(last(&second), last(&first));
    for words in others {
        run(&folder, words, &environment, RUN_WITHIN).await;
    }
    deployment.succeed(&["verify"]).await;
    assert!(worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_example_prints_what_its_readme_shows() {
    let install: [&[&str]; 2] = [
        &["python3", "-m", "venv", ".venv"],
        &[
            ".venv/bin/pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            "requirements.txt",
        ],
    ];
    let start = [".venv/bin/python", "example.py"];
    prints_what_its_readme_shows("python", &install, &start, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_example_prints_what_its_readme_shows() {
    let install: [&[&str]; 2] = [
        &["npm", "ci", "--silent", "--no-audit", "--no-fund"],
        &["npm", "run", "--silent", "build"],
    ];
    let start = ["node", "dist/example.js"];
    let close: [&[&str]; 1] = [&["node", "--input-type=module", "--eval", CLOSE_AFTER_REFUSAL]];
    prints_what_its_readme_shows("typescript", &install, &start, &close).await;
}
