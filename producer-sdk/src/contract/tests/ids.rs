//! The characters that ids may contain.

use chrono::Utc;

use crate::contract::RejectionCode::InvalidField;
use crate::contract::*;

#[test]
fn ids_may_contain_any_visible_character() {
    for id in [
        "x",
        "a b",
        "日本語",
        "😀",
        "quote\"back\\slash",
        &"é".repeat(100),
    ] {
        let command = Command::consume(id, id, id);
        assert_eq!(Command::from_json(&command.to_json()).expect(id), command);
    }
}

#[test]
fn ids_with_invisible_characters_are_refused() {
    for id in [
        "",
        " u",
        "u ",
        "u\u{a0}",
        "u\nv",
        "u\0v",
        "u\u{7f}",
        "u\u{85}v",
        "u\u{ad}v",
        "u\u{200b}v",
        "u\u{202e}v",
        "\u{feff}u",
        "u\u{2066}v",
        "u\u{a0}v",
        "u\u{1680}v",
        "u\u{2009}v",
        "u\u{2028}v",
        "u\u{2029}v",
        "u\u{3000}v",
        "u\u{34f}v",
        "u\u{115f}v",
        "u\u{1160}v",
        "u\u{17b4}v",
        "\u{3164}",
        "u\u{fe0f}v",
        "u\u{ffa0}v",
        "u\u{e0100}v",
        "u\u{e0fff}v",
        // Blank symbols.
        "u\u{2800}v",
        "\u{fffc}",
        // Private use, in the basic plane and in the two private planes.
        "u\u{e000}v",
        "u\u{f8ff}v",
        "u\u{f0000}v",
        "u\u{10fffd}v",
        // Noncharacters.
        "u\u{fdd0}v",
        "u\u{ffff}v",
        "u\u{10ffff}v",
        // Not assigned.
        "u\u{378}v",
        "u\u{2fe0}v",
        "u\u{50000}v",
        &"x".repeat(201),
        &"é".repeat(101),
    ] {
        for (field, command) in [
            ("referenceId", Command::consume(id, "u", "s")),
            ("userId", Command::consume("r", id, "s")),
            ("service", Command::consume("r", "u", id)),
            ("of", Command::refund("r", "u", id)),
            ("of", Command::revoke("r", "u", id)),
            ("of", Command::reinstate("r", "u", id)),
            ("purchaseId", Command::revoke_purchase("r", "u", id)),
            ("reason", Command::forgive("r", "u", id, "ops")),
            ("actor", Command::forgive("r", "u", "lost", id)),
            ("purchaseId", Command::purchase_credits("r", "u", 1, id)),
            (
                "purchaseLine",
                Command::purchase_credits("r", "u", 1, "p").purchase_line(id),
            ),
        ] {
            let rejection = Command::from_json(&command.to_json()).expect_err(id);
            assert_eq!(
                (rejection.code, rejection.field.as_deref()),
                (InvalidField, Some(field))
            );
            assert!(
                !rejection.message.chars().any(is_invisible),
                "{:?}",
                rejection.message
            );
            assert_eq!(command.check(), Err(rejection));
        }
    }
}

#[test]
fn letters_and_emoji_of_all_scripts_are_accepted_without_ignorable_characters() {
    for id in [
        "Jörg Müller",
        "e\u{301}",
        "नमस्ते",
        "สวัสดี",
        "שָׁלוֹם",
        "مرحبا",
        "漢字かな한글",
        "\u{20bb7}",
        "𐍈",
        "😀",
        "👍🏽",
        "🇩🇪",
        "\u{fffd}",
        "\u{2801}",
        "\u{1fae9}",
        "½²№€",
    ] {
        let command = Command::consume(id, id, "s");
        assert_eq!(
            Command::from_json(&command.to_json()).as_ref(),
            Ok(&command),
            "{id}"
        );
    }
    // A variation selector, a zero width joiner.
    for id in ["❤\u{fe0f}", "👩\u{200d}💻"] {
        let command = Command::consume(id, "u", "s");
        assert_eq!(
            command.check().map_err(|rejection| rejection.code),
            Err(InvalidField)
        );
    }
}

#[test]
fn queries_and_the_workers_own_commands_accept_ids_older_than_the_rule() {
    for id in [
        "u\u{a0}v",
        "u\u{2028}v",
        "\u{3164}",
        "u\u{fe0f}v",
        "u\u{2800}v",
        "u\u{fffc}v",
        "u\u{e000}v",
        "u\u{fdd0}v",
        "u\u{378}v",
    ] {
        for query in [
            Query::balance(id),
            Query::Batches {
                user_id: id.to_owned(),
                all: true,
            },
            Query::Transactions {
                user_id: id.to_owned(),
                page_index: None,
                page_size: None,
                cursor: None,
            },
        ] {
            assert_eq!(Query::from_json(&query.to_json()), Ok(query));
        }
        let expire = Command::expire(format!("expire:{id}"), id, Utc::now());
        assert_eq!(expire.check(), Ok(()), "{id:?}");
        let consume = Command::consume("r", id, "s");
        assert!(consume.check().is_err(), "{id:?}");
    }
    for id in ["u\u{200b}v", "u\u{85}v", " u"] {
        assert!(Query::balance(id).check().is_err(), "{id:?}");
        assert!(
            Command::expire("e", id, Utc::now()).check().is_err(),
            "{id:?}"
        );
    }
    let visible = ["Ada Lovelace", "user_1", "Grüße", "世界", "😀", "a\u{301}"];
    for id in visible {
        assert_eq!(Command::consume(id, id, id).check(), Ok(()), "{id:?}");
    }
}
