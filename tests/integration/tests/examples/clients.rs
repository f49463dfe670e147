//! The clients in `clients`: installed from their lock files, their own tests, and the code of
//! their documents.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    process::{Deployment, Worker, scrip_program},
    sources::root,
};

use crate::{INSTALL_WITHIN, copy, run};

/// All tests of a client, with the faults of servers.
const TEST_WITHIN: Duration = Duration::from_mins(15);

/// The pages with code of both clients.
const PAGE: &str = "docs/getting-started/clients.md";
/// An address of the API in the documents.
const DOCUMENTED_ADDRESS: &str = "http://127.0.0.1:8080";

/// A client, installed in a folder of its own.
struct Installed {
    name: &'static str,
    deployment: Deployment,
    folder: PathBuf,
}

impl Installed {
    /// Copies a client and runs the commands that install it.
    async fn new(name: &'static str, install: &[&[&str]]) -> Self {
        let deployment = Deployment::embedded();
        let folder = deployment.folder().join(name);
        copy(&source(name), &folder);
        for words in install {
            run(&folder, words, &[], INSTALL_WITHIN).await;
        }
        Self {
            name,
            deployment,
            folder,
        }
    }

    /// Runs a command of the client.
    async fn run(&self, words: &[&str]) -> String {
        run(&self.folder, words, &[], INSTALL_WITHIN).await
    }

    /// Checks that a generated file is what its generator writes.
    fn assert_generated(&self, checked_in: &str, written: &str) {
        let read = |path: PathBuf| std::fs::read_to_string(path).expect("a generated file");
        let same = read(source(self.name).join(checked_in)) == read(self.folder.join(written));
        assert!(
            same,
            "{checked_in} is out of date; its first lines say how to write it"
        );
    }

    /// Runs the tests of the client against real servers.
    async fn test(&self, words: &[&str]) {
        let database = TestDatabase::postgres().await;
        let program = scrip_program().display().to_string();
        let scripts = root().join("tests/servers").display().to_string();
        let environment = [
            ("SCRIP_PROGRAM", program.as_str()),
            ("SCRIP_TEST_SCRIPTS", &scripts),
            ("SCRIP_TEST_DATABASE_URL", database.url()),
        ];
        run(&self.folder, words, &environment, TEST_WITHIN).await;
    }
}

/// The folder of a client in the repository.
fn source(name: &str) -> PathBuf {
    root().join("clients").join(name)
}

/// The path of the document that the types come from.
fn openapi() -> String {
    let path = root().join("docs/reference/openapi.json");
    path.display().to_string()
}

/// A program of a document: the language of its fence, its code, and what it prints.
struct Example {
    language: String,
    code: String,
    prints: String,
}

/// The programs of a document in these languages: each is followed by what it prints.
fn examples(document: &str, languages: &[&str]) -> Vec<Example> {
    let text = std::fs::read_to_string(root().join(document)).expect("the document");
    let fenced: Vec<(&str, &str)> = text
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|fence| fence.split_once('\n'))
        .collect();
    let followed = fenced.windows(2).filter(|pair| pair[1].0 == "text");
    let examples = followed.filter(|pair| languages.contains(&pair[0].0));
    let examples = examples.map(|pair| Example {
        language: pair[0].0.to_owned(),
        code: pair[0].1.to_owned(),
        prints: pair[1].1.to_owned(),
    });
    let examples: Vec<_> = examples.collect();
    assert!(!examples.is_empty(), "{document} has no {languages:?}");
    examples
}

/// Servers for the code of the documents.
struct Documented {
    broker: TestBroker,
    _database: TestDatabase,
    deployment: Deployment,
    server: Worker,
    token: String,
    url: String,
}

impl Documented {
    /// Starts a worker with the configuration that the page shows.
    async fn start() -> Self {
        let broker = TestBroker::undeclared(1).await;
        let database = TestDatabase::postgres().await;
        let namespace = broker.topology().namespace();
        let deployment = Deployment::on_servers(broker.url(), database.url(), namespace);
        let page = std::fs::read_to_string(root().join(PAGE)).expect("the page");
        let configuration = page.split_once("```toml\n").expect("a configuration").1;
        let configuration = configuration.split_once("```").expect("its end").0;
        std::fs::write(deployment.folder().join("scrip.toml"), configuration).expect("writable");
        deployment.succeed(&["migrate", "up"]).await;
        let server = deployment.start(&["run", "--http", "127.0.0.1:0"]);
        server.wait_for("serving HTTP").await;
        server.wait_for("ready").await;
        server.wait_for("HTTP server connected").await;
        let token = ["token", "create", "shop", "--role", "admin"];
        let token = deployment.succeed(&token).await.trim().to_owned();
        let port = server.port_after("address=127.0.0.1:").await;
        Self {
            url: DOCUMENTED_ADDRESS.replace("8080", &port.to_string()),
            broker,
            _database: database,
            deployment,
            server,
            token,
        }
    }

    /// Runs a program and compares what it prints.
    async fn assert_prints(&self, folder: &Path, words: &[&str], expected: &str) {
        let namespace = self.broker.topology().namespace();
        let spool = self.deployment.folder().join("spool").display().to_string();
        let environment = [
            ("SCRIP_URL", self.url.as_str()),
            ("SCRIP_TOKEN", &self.token),
            ("SCRIP_SPOOL", &spool),
            ("AMQP_URL", self.broker.url()),
            ("SCRIP_NAMESPACE", namespace),
        ];
        let printed = run(folder, words, &environment, INSTALL_WITHIN).await;
        assert_eq!(printed, expected, "{words:?}");
    }

    async fn end(self) {
        self.deployment.succeed(&["verify"]).await;
        assert!(self.server.terminate().await.success());
    }
}

/// Conformance: Clients: with killed brokers, servers and processes, the clients for TypeScript and
/// Python lose no command and apply none twice
#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client_passes_its_tests() {
    let npm: [&[&str]; 1] = [&["npm", "ci", "--silent", "--no-audit", "--no-fund"]];
    let client = Installed::new("typescript", &npm).await;
    let openapi = openapi();
    let generate = ["node", "scripts/generate.mjs", &openapi, "generated.ts"];
    client.run(&generate).await;
    client.assert_generated("src/generated.ts", "generated.ts");
    client.run(&["npm", "run", "--silent", "check"]).await;
    client.test(&["npm", "test", "--silent"]).await;
}

/// Conformance: Clients: with killed brokers, servers and processes, the clients for TypeScript and
/// Python lose no command and apply none twice
#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_passes_its_tests() {
    let client = Installed::new("python", &PYTHON).await;
    let openapi = openapi();
    let program = ".venv/bin/python";
    let generate = [program, "scripts/generate.py", &openapi, "scripts"];
    client.run(&generate).await;
    for file in ["generated_types.py", "generated_commands.py"] {
        client.assert_generated(&format!("src/scrip/{file}"), &format!("scripts/{file}"));
        std::fs::remove_file(client.folder.join("scripts").join(file)).expect("removable");
    }
    client.run(&[".venv/bin/mypy"]).await;
    client.test(&[".venv/bin/python", "-m", "unittest"]).await;
}

/// Creates an environment with the package and everything that it can use.
const PYTHON: [&[&str]; 3] = [
    &["python3", "-m", "venv", ".venv"],
    &[
        ".venv/bin/pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
        "requirements.txt",
    ],
    &[
        ".venv/bin/pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        ".",
    ],
];

/// Conformance: Clients: the code of their pages prints what the pages show
#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_code_of_the_pages_prints_what_they_show() {
    let build: [&[&str]; 3] = [
        &["npm", "ci", "--silent", "--no-audit", "--no-fund"],
        &["npm", "run", "--silent", "build"],
        &["npm", "pack", "--silent"],
    ];
    let client = Installed::new("typescript", &build).await;
    let app = client.deployment.folder().join("app");
    std::fs::create_dir(&app).expect("writable");
    std::fs::write(app.join("package.json"), "{}").expect("writable");
    let package = "../typescript/scrip-client-0.1.0.tgz";
    // The versions of the client's lock file.
    let install = [
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        package,
        "amqplib@2.3.1",
        "ai@6.0.326",
        "typescript@5.9.3",
        "@types/node@20.19.43",
    ];
    run(&app, &install, &[], INSTALL_WITHIN).await;
    let servers = Documented::start().await;
    for document in [PAGE, "clients/typescript/README.md"] {
        let examples = examples(document, &["js", "ts"]);
        for (number, example) in examples.iter().enumerate() {
            let name = |extension: &str| format!("example{number}.{extension}");
            if example.language == "ts" {
                std::fs::write(app.join(name("mts")), &example.code).expect("writable");
                let source = name("mts");
                let flags = ["--strict", "--target", "es2022", "--module", "nodenext"];
                let library = ["--lib", "es2023,esnext.disposable", "--types", "node"];
                let compile = [&["npx", "tsc", &source][..], &flags, &library].concat();
                run(&app, &compile, &[], INSTALL_WITHIN).await;
            } else {
                std::fs::write(app.join(name("mjs")), &example.code).expect("writable");
            }
            let program = name("mjs");
            let words = ["node", &program];
            servers.assert_prints(&app, &words, &example.prints).await;
        }
    }
    servers.end().await;
}

/// Conformance: Clients: the code of their pages prints what the pages show
#[tokio::test(flavor = "multi_thread")]
async fn the_python_code_of_the_pages_prints_what_they_show() {
    let client = Installed::new("python", &PYTHON).await;
    let servers = Documented::start().await;
    for document in [PAGE, "clients/python/README.md"] {
        for example in examples(document, &["python"]) {
            let words = [".venv/bin/python", "-c", &example.code];
            servers
                .assert_prints(&client.folder, &words, &example.prints)
                .await;
        }
    }
    servers.end().await;
}
