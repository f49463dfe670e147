//! What the broker of `docker-compose.yml` loads at its start, as Compose hands it over.

use std::path::Path;

use super::yaml;

/// The definitions, with these variables in the environment.
pub fn of_the_broker(variables: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker-compose.yml");
    let compose = std::fs::read_to_string(path).expect("docker-compose.yml is there");
    let compose = yaml::read(&compose).expect("docker-compose.yml is YAML");
    let content = compose["configs"]["broker-users"]["content"].as_str();
    interpolate(content.expect("the broker's users"), variables)
}

/// `$$` is a dollar sign; a variable says `:-default` or `:?why`.
fn interpolate(text: &str, variables: &[(&str, &str)]) -> String {
    let Some((before, rest)) = text.split_once('$') else {
        return text.to_owned();
    };
    let (value, rest) = if let Some(rest) = rest.strip_prefix('$') {
        ("$", rest)
    } else {
        let inside = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (variable, rest) = inside.expect("a variable in braces");
        let (name, rule) = variable.split_once(':').expect("a variable with a rule");
        let value = variables.iter().find(|(variable, _)| *variable == name);
        let value = value
            .map(|(_, value)| *value)
            .or_else(|| rule.strip_prefix('-'));
        (value.unwrap_or_else(|| panic!("{name} is not set")), rest)
    };
    format!("{before}{value}{}", interpolate(rest, variables))
}
