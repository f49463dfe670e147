//! The documents of the interfaces: valid by the schemas of their formats, and what the HTTP server
//! really does. Schemathesis makes requests from the OpenAPI document, valid and invalid ones, and
//! checks each response against the document.

use std::{path::Path, time::Duration};

use testkit::{process::Deployment, sources::root};

use crate::{INSTALL_WITHIN, copy, run};

/// Where the tools and their configuration are.
const TOOLS: &str = "tests/integration/contract";
const OPENAPI: &str = "docs/reference/openapi.json";
const ASYNCAPI: &str = "docs/reference/asyncapi.json";
/// The time of a run of Schemathesis: some 20 seconds on two free cores.
const RUN_WITHIN: Duration = Duration::from_mins(5);
/// Other requests come from another seed: `SCRIP_TEST_SEED=7`.
const SEED: &str = "1";

/// Copies the tools to a folder of a deployment.
fn tools(deployment: &Deployment) -> std::path::PathBuf {
    let folder = deployment.folder().join("contract");
    copy(&root().join(TOOLS), &folder);
    folder
}

async fn install_python(folder: &Path) {
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
    for words in install {
        run(folder, words, &[], INSTALL_WITHIN).await;
    }
}

fn document(path: &str) -> String {
    root().join(path).display().to_string()
}

/// Conformance: AMQP: The AsyncAPI document is valid by the schema of AsyncAPI 3.0.0
#[tokio::test(flavor = "multi_thread")]
async fn the_asyncapi_document_is_valid() {
    let deployment = Deployment::embedded();
    let folder = tools(&deployment);
    let install = ["npm", "ci", "--silent", "--no-audit", "--no-fund"];
    run(&folder, &install, &[], INSTALL_WITHIN).await;
    let document = document(ASYNCAPI);
    run(
        &folder,
        &["node", "asyncapi.mjs", &document],
        &[],
        RUN_WITHIN,
    )
    .await;
}

/// Conformance: HTTP API: Requests made from the OpenAPI document, valid and invalid ones, are
/// answered as the document says
#[tokio::test(flavor = "multi_thread")]
async fn the_http_server_does_what_the_openapi_document_says() {
    let mut deployment = Deployment::embedded();
    let folder = tools(&deployment);
    install_python(&folder).await;
    let document = document(OPENAPI);
    let validate = [".venv/bin/openapi-spec-validator", &document];
    run(&folder, &validate, &[], RUN_WITHIN).await;

    // Everything that the document describes is on.
    let secret = "0123456789abcdef0123456789abcdef";
    for name in ["USER_TOKEN_SECRET", "STRIPE_SECRETS", "CREEM_SECRETS"] {
        deployment.set(&format!("SCRIP_{name}"), secret);
    }
    let server = deployment.start(&["run", "--http", "127.0.0.1:0"]);
    server.wait_for("serving HTTP").await;
    server.wait_for("ready").await;
    server.wait_for("HTTP server connected").await;
    let log = server.log();
    let address = log
        .split("address=")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let url = format!("http://{}", address.expect("an address"));
    let token = deployment
        .succeed(&["token", "create", "contract", "--role", "admin"])
        .await;
    let grant = "publish grant --user ada --reason registration_bonus --reference first --wait";
    deployment
        .succeed(&grant.split(' ').collect::<Vec<_>>())
        .await;

    let seed = std::env::var("SCRIP_TEST_SEED").unwrap_or_else(|_| SEED.to_owned());
    let environment = [("SCRIP_TOKEN", token.trim()), ("PYTHONPATH", ".")];
    for mode in ["positive", "negative"] {
        let command = [
            ".venv/bin/schemathesis",
            "--config-file",
            "schemathesis.toml",
            "run",
            &document,
            "--url",
            &url,
            "--mode",
            mode,
            "--seed",
            &seed,
            "--no-color",
        ];
        run(&folder, &command, &environment, RUN_WITHIN).await;
    }
    deployment.succeed(&["verify"]).await;
    assert!(server.terminate().await.success());
}
