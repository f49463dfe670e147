//! The code of the guide, run as a reader runs it.

use std::process::Stdio;

use serde_json::Value;
use testkit::{broker::TIMEOUT, process::Deployment, sources::root};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::fixture::address;

const EXAMPLE_ADDRESS: &str = "http://127.0.0.1:8080";

/// What is in fences of a language, in their order.
fn fenced<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let parts = text.split(fence.as_str()).skip(1);
    let parts = parts.filter_map(|part| part.split_once("\n```"));
    parts.map(|(code, _)| code).collect()
}

/// Runs a program that reads `input`, and returns what it prints.
async fn run(words: &[&str], input: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).envs(environment.iter().copied());
    // A proxy or colours that the machine asks for are not part of the test.
    command
        .envs(["NO_PROXY", "no_proxy"].map(|name| (name, "127.0.0.1,localhost")))
        .env_remove("FORCE_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = timeout(TIMEOUT, child.wait_with_output()).await;
    let output = output.expect("an end in time").expect("an output");
    let (out, error) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{words:?}:\n{out}\n{error}");
    out
}

/// Conformance: Documentation: the code of the guide for HTTP does what the guide says
#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_the_guide_does_what_the_guide_says() {
    let path = root().join("docs/getting-started/http.md");
    let guide = std::fs::read_to_string(path).expect("the guide");
    let deployment = Deployment::embedded();
    // A newcomer has no configuration.
    std::fs::write(deployment.folder().join("scrip.toml"), "").expect("writable");
    let server = deployment.start(&["run", "--http", "127.0.0.1:0"]);
    server.wait_for("ready").await;
    server.wait_for("HTTP server connected").await;
    let api = format!("http://{}", address(&server).await);
    let shell = fenced(&guide, "sh");
    let create = shell
        .iter()
        .find_map(|code| code.strip_prefix("TOKEN=$(scrip "));
    let create = create
        .and_then(|code| code.strip_suffix(')'))
        .expect("a command");
    let words: Vec<&str> = create.split(' ').collect();
    let token = deployment.succeed(&words).await.trim().to_owned();
    let environment = [("TOKEN", token.as_str()), ("SCRIP_API", api.as_str())];

    let mut bodies: Vec<Value> = Vec::new();
    for code in shell.iter().filter(|code| code.starts_with("curl")) {
        let code = code.replace(EXAMPLE_ADDRESS, &api);
        let printed = run(&["sh", "-e"], &code, &environment).await;
        bodies.push(serde_json::from_str(&printed).expect("JSON"));
    }
    let [registered, charged, balance] = &bodies[..] else {
        panic!("{bodies:#?}");
    };
    assert_eq!(registered["balance"], 20);
    assert_eq!(charged["status"], "accepted");
    // The charge is decided at any time after its confirm.
    let available = balance["availableCredits"].as_i64();
    assert!([Some(18), Some(20)].contains(&available), "{balance}");

    let shown = fenced(&guide, "text");
    let node = ["node", "--input-type=module", "-"];
    let printed = run(&node, fenced(&guide, "js")[0], &environment).await;
    assert_eq!(printed.trim_end(), shown[0].trim_end());
    let printed = run(&["python3", "-"], fenced(&guide, "python")[0], &environment).await;
    assert_eq!(printed.trim_end(), shown[1].trim_end());
    assert!(server.terminate().await.success());
    deployment.succeed(&["verify"]).await;
}
