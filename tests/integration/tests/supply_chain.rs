//! The supply chain: the toolchain is pinned, and a successful `.ci/run` reports the checks that it
//! did not run.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use testkit::sources::root;
use uuid::Uuid;

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A folder with a fake `cargo` program and the file of allowances.
struct Machine {
    folder: PathBuf,
}

impl Machine {
    /// Each element of `failing` is a step that fails: `bans`, `fetch` or `advisories`.
    fn new(failing: &[&str], is_installed: bool, allow: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("scrip-supply-{}", Uuid::now_v7().simple()));
        fs::create_dir(&folder).expect("the temporary folder is writable");
        let cases: Vec<_> = failing
            .iter()
            .map(|step| format!("case \" $* \" in *' {step} '*) exit 1;; esac\n"))
            .collect();
        let cases = cases.concat();
        let mut programs = vec![("cargo", format!("#!/bin/sh\n{cases}"))];
        if is_installed {
            programs.push(("cargo-deny", "#!/bin/sh\n".to_owned()));
        }
        for (name, text) in programs {
            let program = folder.join(name);
            fs::write(&program, text).expect("written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
                .expect("permissions of the file");
        }
        fs::write(folder.join("allow"), allow).expect("written");
        Self { folder }
    }

    /// Runs the step. Returns whether it succeeds, and the checks that it reports as not run.
    fn deny(&self, variables: &[(&str, &str)]) -> (bool, String) {
        let gaps = self.folder.join("gaps");
        let mut deny = Command::new(root().join(".ci/deny"));
        deny.arg(&gaps)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.folder.display()))
            .env("SCRIP_CI_ALLOW_FILE", self.folder.join("allow"))
            .envs(variables.iter().copied());
        let output = deny.output().expect("it runs");
        let gap = fs::read_to_string(&gaps).expect("written");
        (output.status.success(), gap.trim_end().to_owned())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const NO_DENY: &str = "SCRIP_CI_WITHOUT_DENY";
const NO_ADVISORIES: &str = "SCRIP_CI_WITHOUT_ADVISORIES";

#[test]
fn a_check_that_cannot_run_fails_unless_it_is_allowed() {
    let allow = format!("{NO_DENY}=1 # no time\n{NO_ADVISORIES}=1 # no network\n");
    let missing = Machine::new(&[], false, "");
    assert_eq!(missing.deny(&[]), (false, String::new()));
    assert_eq!(
        missing.deny(&[(NO_ADVISORIES, "1")]),
        (false, String::new())
    );
    let (passed, gap) = missing.deny(&[(NO_DENY, "1")]);
    assert!(
        passed
            && gap.starts_with(
                "bans, licences, sources and advisories NOT checked: cargo-deny is not installed"
            )
    );
    let (passed, gap) = Machine::new(&[], false, &allow).deny(&[]);
    assert!(passed && gap.ends_with("(.ci/allow: no time)"), "{gap}");
    assert_eq!(
        Machine::new(&[], false, &allow).deny(&[(NO_DENY, "0")]),
        (false, String::new())
    );

    let offline = Machine::new(&["fetch"], true, "");
    assert_eq!(offline.deny(&[]), (false, String::new()));
    assert_eq!(offline.deny(&[(NO_DENY, "1")]), (false, String::new()));
    let (passed, gap) = offline.deny(&[(NO_ADVISORIES, "1")]);
    assert!(
        passed && gap.starts_with("advisories NOT checked: their database cannot be reached"),
        "{gap}"
    );
    let (passed, gap) = Machine::new(&["fetch"], true, &allow).deny(&[]);
    assert!(passed && gap.ends_with("(.ci/allow: no network)"), "{gap}");
}

#[test]
fn a_finding_always_fails_and_a_complete_check_has_no_gap() {
    let allow = format!("{NO_DENY}=1 # no time\n{NO_ADVISORIES}=1 # no network\n");
    for failing in ["bans", "advisories"] {
        let machine = Machine::new(&[failing], true, &allow);
        assert_eq!(machine.deny(&[]), (false, String::new()), "{failing}");
    }
    assert_eq!(
        Machine::new(&[], true, &allow).deny(&[]),
        (true, String::new())
    );
}

#[test]
fn every_allowance_of_the_pipeline_has_a_reason() {
    let lines = file(".ci/allow");
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        let (name, reason) = line.split_once("=1 # ").unwrap_or_else(|| panic!("{line}"));
        assert!(
            [NO_DENY, NO_ADVISORIES].contains(&name) && !reason.is_empty(),
            "{line}"
        );
    }
    let run = file(".ci/run");
    let last = run.trim_end().lines().last().expect("a line");
    assert!(
        last.contains("$gaps"),
        "the last line names the checks that were not run: {last}"
    );
}

#[test]
fn toolchain_image_and_manifest_name_the_same_compiler() {
    let toolchain: String = file("rust-toolchain.toml");
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .expect("a channel")
        .trim_matches('"');
    let numbers: Vec<u32> = channel
        .split('.')
        .map(|part| part.parse().expect("a number"))
        .collect();
    assert_eq!(numbers.len(), 3, "{channel} is not an exact version");
    let image = format!("FROM rust:{channel}-");
    assert!(
        file("worker/Dockerfile").contains(&image),
        "the Dockerfile lacks {image}"
    );
    let manifest = file("Cargo.toml");
    let oldest = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .expect("the oldest compiler")
        .trim_matches('"');
    let oldest: Vec<u32> = oldest
        .split('.')
        .map(|part| part.parse().expect("a number"))
        .collect();
    assert!(numbers >= oldest, "{channel} is older than {oldest:?}");
}

/// `SECURITY.md` names tests by file and function.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = file("SECURITY.md");
    let mut count = 0;
    let mut missing = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let mut source = String::new();
        for name in line.split('`').skip(1).step_by(2) {
            if name.starts_with("tests/")
                || name.starts_with("worker/")
                || name.starts_with("producer-sdk/")
            {
                source = file(name);
            } else if name.len() > 24
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            {
                count += 1;
                if !source.contains(&format!("fn {name}(")) {
                    missing.push(name.to_owned());
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 20, "{count}");
}
