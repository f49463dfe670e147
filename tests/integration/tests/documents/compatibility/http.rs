//! The facts of the OpenAPI document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::{Collector, Facts};

/// The facts of the operations, and of the schemas that they use.
pub fn facts(document: &Value) -> BTreeMap<String, Facts> {
    let components = &document["components"];
    let collector = |direction| Collector {
        schemas: &components["schemas"],
        direction,
        subjects: BTreeMap::new(),
    };
    let (mut request, mut response) = (collector("request"), collector("response"));
    let mut fixed = BTreeMap::new();
    for (name, scheme) in components["securitySchemes"]
        .as_object()
        .expect("security schemes")
    {
        let parts = ["type", "scheme"].map(|part| format!("{part} {}", scheme[part]));
        let facts = Facts::new(parts, None::<String>);
        fixed.insert(format!("fixed security scheme {name}"), facts);
    }
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let name = format!("{} {path}", method.to_uppercase());
            let id = operation["operationId"].to_string();
            fixed.insert(format!("fixed {name}"), Facts::new([id], None::<String>));
            add_request(&mut request, &name, operation);
            add_responses(&mut response, &name, operation, &components["responses"]);
        }
    }
    fixed.extend(request.subjects);
    fixed.extend(response.subjects);
    fixed
}

fn add_request(request: &mut Collector<'_>, name: &str, operation: &Value) {
    let is_open = operation["security"].as_array().is_some_and(Vec::is_empty);
    let token = (!is_open).then_some("token");
    request
        .subjects
        .insert(format!("request {name}"), Facts::new(None::<String>, token));
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let part = |key: &str| parameter[key].as_str().expect("a text");
        let rule = (parameter["required"] == true).then_some("required");
        let subject = format!("{name} {}.{}", part("in"), part("name"));
        request.add(&subject, &parameter["schema"], rule.as_slice());
    }
    let body = &operation["requestBody"];
    for (media_type, content) in body["content"].as_object().into_iter().flatten() {
        let required = (body["required"] == true).then_some("required");
        let rules: Vec<&str> = [media_type.as_str()].into_iter().chain(required).collect();
        request.add(&format!("{name} body"), &content["schema"], &rules);
    }
}

fn add_responses(response: &mut Collector<'_>, name: &str, operation: &Value, components: &Value) {
    let responses = operation["responses"].as_object().expect("responses");
    // A client handles errors that it does not know by the first digit.
    let results = responses.keys().filter(|status| status.starts_with('2'));
    let results = Facts::new(results.cloned(), None::<String>);
    response
        .subjects
        .insert(format!("response {name}"), results);
    for (status, described) in responses {
        let reference = described["$ref"].as_str();
        let shared = reference.and_then(|reference| reference.rsplit('/').next());
        let described = shared.map_or(described, |name| &components[name]);
        for (media_type, content) in described["content"].as_object().into_iter().flatten() {
            response.add(
                &format!("{name} {status}"),
                &content["schema"],
                &[media_type],
            );
        }
        for (header, described) in described["headers"].as_object().into_iter().flatten() {
            let rule = (described["required"] == true).then_some("always");
            let subject = format!("{name} {status} header.{header}");
            response.add(&subject, &described["schema"], rule.as_slice());
        }
    }
}
