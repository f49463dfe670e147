//! The expressions of a source that become part of SQL.

/// The words that mark a text as SQL.
const VERBS: [&str; 18] = [
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE ",
    "CREATE ",
    "DROP ",
    "ALTER ",
    "TRUNCATE ",
    "PRAGMA ",
    "FROM ",
    "WHERE ",
    "VALUES",
    "ORDER BY ",
    "LIMIT ",
    "GROUP BY ",
    "UNION ",
    "CAST(",
    "SET ",
];
const FORMATS: [&str; 4] = ["format!(", "write!(", "writeln!(", "format_args!("];
/// The functions that run SQL without parameters.
const BARE: [&str; 4] = [
    "execute_unprepared(",
    "Statement::from_string(",
    "sqlx::raw_sql(",
    "sqlx::query(",
];

#[test]
fn a_value_that_becomes_part_of_sql_is_found() {
    for (code, piece) in [
        (r#"format!("SELECT a FROM b WHERE c = '{user}'")"#, "user"),
        (
            r#"format!("SELECT a FROM b WHERE c = {}", user.id)"#,
            "user.id",
        ),
        (
            "format!(\n  r\"DELETE FROM b\n  WHERE c = {user:?}\",\n)",
            "user",
        ),
        (
            r#"write!(sql, " WHERE c = {}", x(1, "),")).ok()"#,
            "x(1, \"),\")",
        ),
        (r#"SQL.replace("{user}", &user)"#, "user"),
        ("let s: Statement; sql.push_str(&user)", "user"),
        (
            "let s: Statement; [SELECT, user].concat()",
            "[SELECT, user].concat()",
        ),
        ("db.execute_unprepared(&text)", "text"),
        (
            r#"db.execute_unprepared(&format!("{CREATE} x_{}", user))"#,
            "user",
        ),
        (
            r#"db.execute_unprepared(&format!("DROP x_{}", user))"#,
            "user",
        ),
        ("Statement::from_string(backend, text)", "text"),
    ] {
        let actual: Vec<String> = pieces(code).into_iter().map(|(_, piece)| piece).collect();
        assert_eq!(actual, [piece], "{code}");
    }
    for code in [
        r#"format!("SELECT {COLUMNS} FROM b ORDER BY {}", sql::FIFO)"#,
        r#"format!("from {user} where {}", x)"#,
        r#"db.execute_unprepared("SELECT 1")"#,
        "db.execute_unprepared(PATIENT)",
        r#"path.replace("{", "x")"#,
    ] {
        assert_eq!(pieces(code), [], "{code}");
    }
}

/// Every expression that becomes part of SQL and is not constant, with its line.
pub fn pieces(code: &str) -> Vec<(usize, String)> {
    let mut pieces = Vec::new();
    let mut note = |at: usize, piece: &str| {
        let piece = piece.trim().trim_start_matches('&').trim();
        if !is_constant(piece) {
            pieces.push((1 + code[..at].matches('\n').count(), piece.to_owned()));
        }
    };
    for name in FORMATS {
        for (at, arguments) in calls(code, name) {
            let is_sql = |text: &str| VERBS.iter().any(|verb| text.contains(verb));
            for piece in formatted(&arguments, is_sql) {
                note(at, piece);
            }
        }
    }
    for (at, arguments) in calls(code, ".replace(") {
        if let [pattern, with] = arguments.as_slice()
            && pattern.starts_with("\"{")
            && pattern.ends_with("}\"")
        {
            note(at, with);
        }
    }
    for name in BARE {
        for (at, arguments) in calls(code, name) {
            let text = arguments
                .last()
                .map_or("", |text| text.trim_start_matches('&'));
            match text.strip_prefix("format!(") {
                None => note(at, text),
                // A text with one of the words of SQL has been checked above.
                Some(inner) => {
                    let is_unseen = |text: &str| !VERBS.iter().any(|verb| text.contains(verb));
                    for piece in formatted(&self::arguments(inner), is_unseen) {
                        note(at, piece);
                    }
                }
            }
        }
    }
    if code.contains("Statement") {
        for (at, arguments) in calls(code, ".push_str(") {
            for piece in arguments {
                note(at, piece);
            }
        }
        for joined in [".concat()", ".join("] {
            for (at, _) in code.match_indices(joined) {
                let start = code[..at]
                    .rfind(['\n', ';', '='])
                    .map_or(0, |start| start + 1);
                note(at, &code[start..at + joined.len()]);
            }
        }
    }
    pieces
}

/// The expressions that become part of a formatted text, if `counts` is true for its template.
fn formatted<'a>(arguments: &[&'a str], counts: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let Some(at) = arguments.iter().position(|argument| is_literal(argument)) else {
        return Vec::new();
    };
    if !counts(arguments[at]) {
        return Vec::new();
    }
    inline(arguments[at])
        .chain(arguments[at + 1..].iter().copied())
        .collect()
}

/// The calls of `name`, which ends with the parenthesis. Each has its offset and its arguments.
fn calls<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = (usize, Vec<&'a str>)> {
    code.match_indices(name)
        .map(move |(at, _)| (at, arguments(&code[at + name.len()..])))
}

/// The texts between the commas, up to the closing parenthesis.
fn arguments(code: &str) -> Vec<&str> {
    let (mut all, mut start, mut depth, mut string, mut escaped) =
        (Vec::new(), 0, 0_usize, false, false);
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            _ if string => {}
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth > 0 => depth -= 1,
            b',' | b')' if depth == 0 => {
                all.push(code[start..at].trim());
                start = at + 1;
                if byte == b')' {
                    break;
                }
            }
            _ => {}
        }
    }
    all.retain(|argument| !argument.is_empty());
    all
}

fn is_literal(text: &str) -> bool {
    text.starts_with('"') || text.starts_with("r\"") || text.starts_with("r#\"")
}

/// Whether a text is a literal, or an expression whose name shows that it is constant.
fn is_constant(text: &str) -> bool {
    let name = text.rsplit("::").next().unwrap_or_default();
    let shouted = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    is_literal(text) || (!name.is_empty() && name.chars().all(shouted))
}

/// The names in a template, such as `{name}` and `{name:?}`.
fn inline(template: &str) -> impl Iterator<Item = &str> {
    let names = template.split('{').skip(1);
    names
        .filter_map(|rest| rest.split(['}', ':']).next())
        .filter(|name| !name.is_empty())
}
