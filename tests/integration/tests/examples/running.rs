//! A web app of `examples`, installed and started by the commands of its README.

use std::path::{Path, PathBuf};

use testkit::{
    process::{Deployment, Worker, scrip_program},
    sources::root,
};
use tokio::process::Command;

use crate::{INSTALL_WITHIN, RUN_WITHIN, browser::Browser, copy, run, unaffected};

/// An app, and the commands that its README leaves running.
pub struct App {
    /// Its folder in `examples`, and that of its client in `clients`.
    pub name: &'static str,
    client: &'static str,
    /// Checks the types.
    check: &'static [&'static [&'static str]],
    model: &'static [&'static str],
    /// Serves at a free port, with what it logs before the port and when it is ready.
    start: &'static [&'static str],
    before_port: &'static str,
    ready: &'static str,
    /// Pays, with the user and the id of the payment.
    pay: &'static [&'static str],
}

pub const NEXTJS: App = App {
    name: "nextjs",
    client: "typescript",
    check: &[], // the build checks them
    model: &["node", "scripts/fake-model.mjs"],
    start: &[
        "node",
        "node_modules/next/dist/bin/next",
        "start",
        "--hostname",
        "127.0.0.1",
        "--port",
        "0",
    ],
    before_port: "Local:         http://127.0.0.1:",
    ready: "Ready in",
    pay: &["node", "--env-file=.env", "scripts/test-payment.mjs"],
};

pub const FASTAPI: App = App {
    name: "fastapi",
    client: "python",
    check: &[
        &[
            ".venv/bin/pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            "requirements-dev.txt",
        ],
        &[".venv/bin/mypy"],
    ],
    model: &[".venv/bin/python", "fake_model.py"],
    start: &[".venv/bin/uvicorn", "main:app", "--port", "0"],
    before_port: "running on http://127.0.0.1:",
    ready: "Application startup complete",
    pay: &[".venv/bin/python", "test_payment.py"],
};

/// A copy of an app beside its client, with a worker and a fake model.
pub struct Running {
    app: &'static App,
    pub folder: PathBuf,
    environment: Vec<(String, String)>,
    deployment: Deployment,
    scrip: Worker,
    pub scrip_port: u16,
    _model: Worker,
}

impl Running {
    /// Runs the commands of the README.
    pub async fn install(app: &'static App) -> Self {
        let mut deployment = Deployment::embedded();
        let folder = deployment.folder().join("examples").join(app.name);
        let client = deployment.folder().join("clients").join(app.client);
        copy(&root().join("examples").join(app.name), &folder);
        copy(&root().join("clients").join(app.client), &client);
        let readme = std::fs::read_to_string(folder.join("README.md")).expect("the README");
        let scripts: Vec<&str> = readme
            .split("```sh\n")
            .skip(1)
            .filter_map(|part| part.split("```").next())
            .collect();
        // The first installs and writes secrets, the second starts a worker, the third makes tokens.
        shell(&folder, scripts[0]).await;
        assert!(scripts[1].ends_with("scrip run --http\n"), "{}", scripts[1]);
        for (name, value) in settings(&folder) {
            deployment.set(&name, &value);
        }
        let path = |name: &str| folder.join(name).display().to_string();
        deployment.set("SCRIP_DATA_DIR", &path(".scrip"));
        deployment.set("SCRIP_CONFIG", &path("scrip.toml"));
        deployment.set("CREDIT_LITE_PRICE_ID", "price_lite");
        let scrip = deployment.start(&["run", "--http", "127.0.0.1:0"]);
        scrip.wait_for("ready").await;
        scrip.wait_for("HTTP server connected").await;
        let scrip_port = scrip.port_after("address=127.0.0.1:").await;
        shell(&folder, scripts[2]).await;
        for words in app.check {
            run(&folder, words, &[], INSTALL_WITHIN).await;
        }
        let mut environment = settings(&folder);
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        set("SCRIP_URL", format!("http://127.0.0.1:{scrip_port}"));
        set("FAKE_MODEL_PORT", "0".to_owned());
        set("NEXT_TELEMETRY_DISABLED", "1".to_owned());
        let model = start(&folder, app.model, &environment);
        let port = model.port_after("fake model at http://127.0.0.1:").await;
        let url = format!("http://127.0.0.1:{port}/v1");
        environment.push(("OPENAI_BASE_URL".to_owned(), url));
        Self {
            app,
            folder,
            environment,
            deployment,
            scrip,
            scrip_port,
            _model: model,
        }
    }

    /// Starts the app with more settings.
    pub async fn serve(&self, more: &[(String, String)]) -> (Worker, Browser) {
        let environment = [&self.environment[..], more].concat();
        let server = start(&self.folder, self.app.start, &environment);
        let port = server.port_after(self.app.before_port).await;
        server.wait_for(self.app.ready).await;
        (server, Browser::new(port))
    }

    /// Reports a test payment. Returns what is printed.
    pub async fn pay(&self, user: &str, payment: &str) -> String {
        let words = [self.app.pay, &[user, payment]].concat();
        let environment = self.environment.iter();
        let environment: Vec<_> = environment
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        run(&self.folder, &words, &environment, RUN_WITHIN).await
    }

    pub async fn end(self) {
        self.deployment.succeed(&["verify"]).await;
        assert!(self.scrip.terminate().await.success());
    }
}

/// Runs commands of a README. They find the `scrip` of this build.
async fn shell(folder: &Path, script: &str) {
    let programs = scrip_program().parent().expect("a folder").display();
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{programs}:{path}");
    let environment = [("PATH", path.as_str()), ("NEXT_TELEMETRY_DISABLED", "1")];
    let mut words = vec!["env"];
    for name in ["AMQP_URL", "DATABASE_URL", "REDIS_URL", "SCRIP_CONFIG"] {
        words.extend(["-u", name]);
    }
    words.extend(["sh", "-e", "-c", script]);
    run(folder, &words, &environment, INSTALL_WITHIN).await;
}

/// The settings in `.env`.
fn settings(folder: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder.join(".env")).expect("the settings");
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Starts a program of an app.
fn start(folder: &Path, words: &[&str], environment: &[(String, String)]) -> Worker {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(folder);
    command.envs(environment.iter().cloned());
    unaffected(&mut command);
    Worker::spawn(command)
}
