//! SQL is constant text with bound parameters, and no part of a message may become part of a
//! statement. Statements that are built at runtime are built from constants. Each such part is
//! listed here with its reason.

mod pieces;

use testkit::sources::{self, File};

use pieces::pieces;

/// An expression that becomes part of SQL and whose name does not show that it is constant.
struct Piece {
    within: &'static str,
    /// The expression, or its beginning if this text ends in the middle of it.
    begins: &'static str,
    because: &'static str,
}

impl Piece {
    fn is(&self, piece: &str) -> bool {
        let is_cut = !self
            .begins
            .ends_with(|end: char| end.is_alphanumeric() || end == ')');
        piece == self.begins || (is_cut && piece.starts_with(self.begins))
    }
}

const PIECES: &[Piece] = &[
    Piece {
        within: "producer-sdk/src/embedded/writer.rs",
        begins: "if number == 0 {",
        because: "placeholders for another row, with and without a comma",
    },
    Piece {
        within: "worker/src/read/balance.rs",
        begins: "users",
        because: "a parameter of `text`: a constant that expands a parameter into rows, or `PAGE`",
    },
    Piece {
        within: "worker/src/read/balance.rs",
        begins: "text(PAGE)",
        because: "constants within a constant",
    },
    Piece {
        within: "worker/src/read/batches.rs",
        begins: "filter",
        because: "one of two constants, with or without closed batches",
    },
    Piece {
        within: "worker/src/read/batches.rs",
        begins: "order",
        because: "one of two constants",
    },
    Piece {
        within: "worker/src/read/holds.rs",
        begins: "filter",
        because: "one of two constants, with or without closed holds",
    },
    Piece {
        within: "worker/src/read/holds.rs",
        begins: "order",
        because: "one of two constants",
    },
    Piece {
        within: "worker/src/read/report",
        begins: "sum(",
        because: "a column of constants: `&'static str`",
    },
    Piece {
        within: "worker/src/read/report/movements.rs",
        begins: "types",
        because: "a list of constants: `&'static str`",
    },
    Piece {
        within: "worker/src/read/report/revocations.rs",
        begins: "month",
        because: "a constant for each database that truncates a date",
    },
    Piece {
        within: "worker/src/read/report/revocations.rs",
        begins: "deposit",
        because: "a constant for each database that reads an id",
    },
    Piece {
        within: "worker/src/read/report/revocations.rs",
        begins: "own",
        because: "a constant for each database that reads an id",
    },
    Piece {
        within: "worker/src/read/report/revocations.rs",
        begins: "part",
        because: "a constant for each database that reads an id",
    },
    Piece {
        within: "worker/src/read/reserved.rs",
        begins: "sum(",
        because: "a column of constants: `&'static str`",
    },
    Piece {
        within: "worker/src/read/report/owed.rs",
        begins: "month",
        because: "a constant for each database that truncates a date",
    },
    Piece {
        within: "worker/src/read/sql.rs",
        begins: "of",
        because: "a parameter of `sum`: `&'static str`",
    },
    Piece {
        within: "worker/src/read/sql.rs",
        begins: "name",
        because: "a parameter of `sum`: `&'static str`",
    },
    Piece {
        within: "worker/src/db/durability.rs",
        begins: "ROW.replace(\"{settings}\", SETTINGS)",
        because: "a constant within a constant",
    },
    Piece {
        within: "worker/src/db/session.rs",
        begins: "columns",
        because: "one of two constants of `server.rs`",
    },
    Piece {
        within: "worker/src/db/session.rs",
        begins: "settings",
        because: "the names and values of settings: constants and one of our numbers",
    },
    Piece {
        within: "worker/src/db/session.rs",
        begins: "statement",
        because: "the same columns and settings, built once per pool",
    },
    Piece {
        within: "worker/src/db/finder.rs",
        begins: "columns",
        because: "one of two constants of `server.rs`",
    },
    Piece {
        within: "worker/src/db/finder.rs",
        begins: "statement",
        because: "the same columns",
    },
    Piece {
        within: "worker/src/jobs/repository.rs",
        begins: "self.json()",
        because: "a parameter, with a cast on PostgreSQL: `&'static str`",
    },
    Piece {
        within: "worker/src/db/mod.rs",
        begins: "sql",
        because: "a constant for each database that checks for a read-only mode",
    },
    Piece {
        within: "worker/src/db/roles",
        begins: "self.owner",
        because: "a role cannot be a parameter; its name is letters, digits, `_` and `-`",
    },
    Piece {
        within: "worker/src/db/roles",
        begins: "self.worker",
        because: "the same",
    },
    Piece {
        within: "worker/src/db/roles",
        begins: "self.reader",
        because: "the same",
    },
    Piece {
        within: "worker/src/db/roles",
        begins: "self.grants()",
        because: "a constant that contains the names of roles",
    },
    Piece {
        within: "worker/src/db/temp_schema.rs",
        begins: "verb",
        because: "CREATE or DROP: `&'static str`",
    },
    Piece {
        within: "worker/src/db/temp_schema.rs",
        begins: "suffix",
        because: "CASCADE or nothing: `&'static str`",
    },
    Piece {
        within: "worker/src/db/temp_schema.rs",
        begins: "self.name",
        because: "a schema cannot be a parameter; its name consists of hexadecimal digits",
    },
    Piece {
        within: "worker/src/verify/book.rs",
        begins: "sql::sum(",
        because: "a column of constants: `&'static str`",
    },
    Piece {
        within: "worker/src/verify/book.rs",
        begins: "KIND.replace(\"{account}\", \"",
        because: "a constant that contains the name of a column",
    },
    Piece {
        within: "worker/src/verify/rule.rs",
        begins: "limit",
        because: "one of our numbers",
    },
    Piece {
        within: "worker/src/verify/sql.rs",
        begins: "operand",
        because: "a column in the statement of a rule: `&'static str`",
    },
    Piece {
        within: "worker/src/verify/rule.rs",
        begins: "sql::dialect(",
        because: "the statement of a rule: `&'static str`",
    },
    Piece {
        within: "worker/src/verify/rule.rs",
        begins: "part(row.",
        because: "a part of a sentence for people, not of SQL",
    },
];

const WITHIN: [&str; 3] = ["entity/", "producer-sdk/src", "worker/src"];

/// Conformance: Security: SQL statements have only bound parameters
#[test]
fn sql_has_only_bound_parameters() {
    let mut violations = Vec::new();
    let mut used = vec![false; PIECES.len()];
    let files = sources::files("rs");
    let checked =
        |file: &&File| WITHIN.iter().any(|prefix| file.path.starts_with(prefix)) && !file.is_test();
    for file in files.iter().filter(checked) {
        // Text after `//` within a line stays, because it may be part of a URL.
        let code = file
            .text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]");
        let code: Vec<&str> = code
            .map(|line| {
                if line.trim_start().starts_with("//") {
                    ""
                } else {
                    line
                }
            })
            .collect();
        for (line, piece) in pieces(&code.join("\n")) {
            let listed = PIECES
                .iter()
                .position(|listed| file.path.starts_with(listed.within) && listed.is(&piece));
            match listed {
                Some(at) => used[at] = true,
                None => violations.push(format!(
                    "{}:{line} makes `{piece}` a part of SQL: bind it as a parameter",
                    file.path
                )),
            }
        }
    }
    let unused = PIECES.iter().zip(used).filter(|(_, used)| !used);
    violations.extend(unused.map(|(listed, _)| {
        format!(
            "`{}` is not a part of any SQL in {}: {}",
            listed.begins, listed.within, listed.because
        )
    }));
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}
