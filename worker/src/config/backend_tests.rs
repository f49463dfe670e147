//! Tests of the backend: servers, or a file in the data folder.

use std::path::Path;

use super::{Backend, MissingUrl, tests::load};

/// Conformance: Embedded deployment: Without either URL, Scrip uses one file, prints its path and
/// gives access to its owner only
#[test]
fn both_urls_select_servers_and_none_selects_the_embedded_default() {
    let of = |pairs: &[(&str, &str)]| {
        load("data_dir = \"/data\"", pairs)
            .expect("valid")
            .backend()
    };
    let amqp = ("AMQP_URL", "amqp://mq");
    let database = ("DATABASE_URL", "postgres://db/scrip");
    assert!(matches!(of(&[amqp, database]), Ok(Backend::Servers { .. })));
    assert_eq!(of(&[amqp]), Err(MissingUrl::Database));
    assert_eq!(of(&[database]), Err(MissingUrl::Amqp));
    let path = "/data/scrip.db".into();
    assert_eq!(of(&[]), Ok(Backend::Embedded { path }));
}

/// Conformance: Embedded deployment: The data folder can be relative, and its name can have spaces
/// and characters special in URLs
#[test]
fn a_relative_data_folder_becomes_an_absolute_path_with_any_character() {
    let name = "my data, 100% ours? #1";
    let settings = load("", &[("SCRIP_DATA_DIR", name)]).expect("valid");
    let path = std::env::current_dir()
        .expect("a folder")
        .join(name)
        .join("scrip.db");
    assert_eq!(
        settings.backend(),
        Ok(Backend::Embedded { path: path.clone() })
    );
    let folder = path
        .parent()
        .and_then(Path::parent)
        .expect("a folder")
        .display();
    let url = settings.ledger_url().expect("a file");
    assert_eq!(
        url.expose(),
        format!("sqlite://{folder}/my data, 100%25 ours%3F %231/scrip.db")
    );
}
