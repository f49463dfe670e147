//! Documents that a test compares. It also writes them if `SCRIP_WRITE_DOCS` is set.

use testkit::sources::root;

/// Fails unless the file at `path` below the root holds `text`.
pub fn compare(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("SCRIP_WRITE_DOCS").is_some() {
        std::fs::write(&file, text).expect("the document can be written");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let (found, expected): (Vec<&str>, Vec<&str>) =
        (found.lines().collect(), text.lines().collect());
    let missing: Vec<_> = expected
        .iter()
        .filter(|line| !found.contains(line))
        .take(20)
        .collect();
    let surplus: Vec<_> = found
        .iter()
        .filter(|line| !expected.contains(line))
        .take(20)
        .collect();
    assert!(
        found == expected,
        "{path} is out of date; missing: {missing:#?}, surplus: {surplus:#?}\nto write it: \
         SCRIP_WRITE_DOCS=1 ./tests/run -p integration --test integration documents::"
    );
}

/// Checks that every reference of a document leads to a part of it.
pub fn assert_references(document: &serde_json::Value) {
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#").skip(1);
    let places = references.filter_map(|rest| rest.split('"').next());
    let missing: Vec<&str> = places
        .filter(|place| document.pointer(place).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
