//! The README is short, and its commands print what it shows.

use testkit::process::Deployment;

use testkit::sources::root;

const MOST_BYTES: usize = 8 * 1024;

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("the README")
}

#[test]
fn the_front_pages_are_short() {
    assert!(readme().len() <= MOST_BYTES, "{} bytes", readme().len());
    let architecture =
        std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    assert!(
        architecture.len() <= 12 * 1024,
        "{} bytes",
        architecture.len()
    );
    assert!(architecture.contains("```mermaid"), "it has a diagram");
}

/// What is in fences of that language, one after the other.
fn fenced<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let parts = text.split(fence.as_str()).skip(1);
    parts
        .filter_map(|part| part.split_once("\n```"))
        .map(|(code, _)| code)
        .collect()
}

/// Words of a command line; quotes as a shell reads them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), character) if open == character => quote = None,
            (None, ' ') => words.push(String::new()),
            (_, character) => words.last_mut().expect("a word").push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_prints_what_it_shows() {
    let deployment = Deployment::embedded();
    // A newcomer has no configuration.
    std::fs::write(deployment.folder().join("scrip.toml"), "").expect("writable");
    let worker = deployment.ready_worker().await;
    let mut count = 0;
    for block in fenced(&readme(), "console") {
        let mut shown: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => shown.push((command, Vec::new())),
                None => shown.last_mut().expect("a command first").1.push(line),
            }
        }
        for (command, expected) in shown {
            let words = words(command.strip_prefix("scrip ").expect("a command of scrip"));
            let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
            let output = deployment.run(&arguments).await;
            let text =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            let found: Vec<&str> = text.lines().map(str::trim_end).collect();
            assert_eq!(found, expected, "{command}");
            count += 1;
        }
    }
    assert!(count >= 5, "{count} commands");
    drop(worker);
}

#[test]
fn the_words_of_a_command_line_are_read_as_a_shell_reads_them() {
    assert_eq!(words("a --b 'c d' \"e\"  f"), ["a", "--b", "c d", "e", "f"]);
    let blocks = fenced("x\n```console\n$ a\nb\n```\ny\n```sh\nz\n```\n", "console");
    assert_eq!(blocks, ["$ a\nb"]);
}
