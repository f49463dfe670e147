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
    // A newcomer has no configuration.
    let count = run_all(&readme(), "").await;
    assert!(count >= 5, "{count} commands");
}

/// Conformance: Documentation: the commands of the guide for AI calls print what it shows
#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_guide_for_ai_calls_prints_what_it_shows() {
    let path = root().join("docs/guides/meter-an-ai-call.md");
    let guide = std::fs::read_to_string(path).expect("the guide");
    let configuration = fenced(&guide, "toml").concat();
    let count = run_all(&guide, &configuration).await;
    assert!(count >= 5, "{count} commands");
}

/// Runs the commands of a page in their order against one worker, and compares what they print.
/// Returns their number.
async fn run_all(page: &str, configuration: &str) -> usize {
    let deployment = Deployment::embedded();
    std::fs::write(deployment.folder().join("scrip.toml"), configuration).expect("writable");
    let worker = deployment.ready_worker().await;
    let mut count = 0;
    for block in fenced(page, "console") {
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
            let is_equal = found.len() == expected.len()
                && found
                    .iter()
                    .zip(&expected)
                    .all(|(found, shown)| is_as_shown(found, shown));
            assert!(is_equal, "{command}: {found:#?} instead of {expected:#?}");
            count += 1;
        }
    }
    drop(worker);
    count
}

/// Whether a line is the one that a page shows. `…` stands for any text, such as an id.
fn is_as_shown(found: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let start = parts.next().unwrap_or_default();
    let Some(mut rest) = found.strip_prefix(start) else {
        return false;
    };
    let Some(end) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(end)
}

#[test]
fn an_ellipsis_stands_for_any_text() {
    assert!(is_as_shown("a 1f b", "a … b"));
    assert!(!is_as_shown("a 1f c", "a … b"));
    assert!(!is_as_shown("a 1f b", "a b"));
    assert!(is_as_shown("1f  bonus  2027", "…  bonus  …"));
    assert!(!is_as_shown("1f  gift  2027", "…  bonus  …"));
}

#[test]
fn the_words_of_a_command_line_are_read_as_a_shell_reads_them() {
    assert_eq!(words("a --b 'c d' \"e\"  f"), ["a", "--b", "c d", "e", "f"]);
    let blocks = fenced("x\n```console\n$ a\nb\n```\ny\n```sh\nz\n```\n", "console");
    assert_eq!(blocks, ["$ a\nb"]);
}
