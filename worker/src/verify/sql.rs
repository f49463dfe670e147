//! Expressions that the two databases write differently.

use sea_orm::DbBackend;

/// Replaces these expressions by those of `backend`: `{uuid X}` and `{bytes X}` (a column as
/// lower-case hexadecimal digits), `{instant X}` (a text such as `2026-01-31T09:00:00.000000Z`),
/// `{json X}` (null if the text is not JSON), and, as a table, `{debts X}` (`key` and `value` of
/// each debt in a `detail`).
pub(super) fn dialect(text: &str, backend: DbBackend) -> String {
    let mut sql = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (name, operand, after))) =
        rest.split_once('{').and_then(|(before, call)| {
            let (call, after) = call.split_once('}')?;
            let (name, operand) = call.split_once(' ')?;
            Some((before, (name, operand, after)))
        })
    {
        sql.push_str(before);
        sql.push_str(&expression(name, operand, backend));
        rest = after;
    }
    sql.push_str(rest);
    sql
}

fn expression(name: &str, operand: &str, backend: DbBackend) -> String {
    match (name, backend) {
        ("uuid" | "bytes", DbBackend::Sqlite) => format!("lower(hex({operand}))"),
        ("uuid", _) => format!("replace(CAST({operand} AS text), '-', '')"),
        ("bytes", _) => format!("encode({operand}, 'hex')"),
        ("instant", DbBackend::Sqlite) => format!("replace({operand}, '+00:00', 'Z')"),
        ("instant", _) => {
            format!("to_char({operand} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        }
        ("json", DbBackend::Sqlite) => {
            format!("CASE WHEN json_valid({operand}) THEN {operand} END")
        }
        ("debts", DbBackend::Sqlite) => {
            format!("json_each(CASE WHEN json_valid({operand}) THEN {operand} END, '$.debts')")
        }
        ("debts", _) => format!(
            "LATERAL (SELECT d.key, CAST(d.value AS bigint) AS value
               FROM json_each_text(CASE WHEN json_typeof({operand} -> 'debts') = 'object'
                                        THEN {operand} -> 'debts' END) d
              WHERE d.value ~ '^[0-9]+$' AND length(d.value) <= 18)"
        ),
        _ => operand.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_the_expressions_of_its_dialect() {
        let text = "SELECT {uuid b.id}, {json t.detail} ->> 'a' FROM t";
        assert_eq!(
            dialect(text, DbBackend::Postgres),
            "SELECT replace(CAST(b.id AS text), '-', ''), t.detail ->> 'a' FROM t"
        );
        assert_eq!(
            dialect(text, DbBackend::Sqlite),
            "SELECT lower(hex(b.id)), CASE WHEN json_valid(t.detail) THEN t.detail END ->> 'a' FROM t"
        );
    }
}
