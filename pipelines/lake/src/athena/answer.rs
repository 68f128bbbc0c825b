//! Rows from an answer of Athena, which tells every value as text.
//!
//! Source: Athena User Guide, "Data types in Athena", and what `GetQueryResults` gives for each of them.

use stepwell_pipeline::HandlerError;
use stepwell_tabular::rows::{Cell, Rows, Unknown};
use stepwell_tabular::{Batch, Column, ColumnType};

/// How an answer becomes rows of declared columns.
pub(crate) struct Answer {
    declared: Vec<Column>,
    /// For each column of the answer.
    given: Vec<Given>,
}

/// A column of an answer.
struct Given {
    name: String,
    spelling: Spelling,
    /// Which declared column takes it.
    declared: Option<usize>,
}

/// How Athena spells the values of a type.
#[derive(Clone, Copy)]
enum Spelling {
    Text,
    /// JSON, of the type `json` or in a text that shall be JSON.
    Json,
    /// `00 ff`
    Hex,
    /// `2026-03-01 10:00:00.000 UTC`
    Zoned,
}

/// The columns that hold an answer in the types that Athena gives; what is nested is its text.
pub(crate) fn columns(given: &[(String, String)]) -> Vec<Column> {
    given.iter().map(|(name, kind)| Column::new(name, of_athena(kind))).collect()
}

fn of_athena(kind: &str) -> ColumnType {
    match kind {
        "tinyint" | "smallint" | "integer" => ColumnType::Int,
        "real" | "float" => ColumnType::Double,
        "varbinary" => ColumnType::Binary,
        _ if kind.starts_with("timestamp") => ColumnType::Timestamp,
        // `bigint`, `decimal(18,2)` and others have one name; what has no type here is its text.
        _ => kind.parse().ok().filter(is_plain).unwrap_or(ColumnType::String),
    }
}

fn is_plain(kind: &ColumnType) -> bool {
    !matches!(kind, ColumnType::Array(_) | ColumnType::Struct(_))
}

impl Answer {
    /// # Errors
    /// [`HandlerError::Config`] for a column that is not there, and for one that cannot be read from its text.
    pub(crate) fn new(
        declared: &[Column],
        given: &[(String, String)],
    ) -> Result<Self, HandlerError> {
        let is = |column: &Column, name: &str| column.name.eq_ignore_ascii_case(name);
        if let Some(missing) =
            declared.iter().find(|it| !given.iter().any(|(name, _)| is(it, name)))
        {
            let names: Vec<_> = given.iter().map(|(name, _)| name.as_str()).collect();
            return Err(HandlerError::Config(format!(
                "the answer has no column `{}`; it has {}",
                missing.name,
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            )));
        }
        let mut taken = vec![false; declared.len()];
        let mut column = |(name, kind): &(String, String)| {
            let at = (0..declared.len()).find(|&it| !taken[it] && is(&declared[it], name));
            if let Some(at) = at {
                taken[at] = true;
            }
            let spelling = spelling(kind, at.map(|it| &declared[it]))?;
            Ok(Given { name: name.clone(), spelling, declared: at })
        };
        let given = given.iter().map(&mut column).collect::<Result<_, HandlerError>>()?;
        Ok(Self { declared: declared.to_vec(), given })
    }

    /// The rows of a page, which begins behind `before` rows of the answer of `query`.
    pub(crate) fn batch(&self, page: &[Vec<Option<String>>], before: u64, query: &str) -> Batch {
        let mut rows = Rows::new(&self.declared, Unknown::Report);
        for column in self.given.iter().filter(|it| it.declared.is_none()) {
            rows.not_declared(&column.name, "null");
        }
        for (number, values) in (before + 1..).zip(page) {
            for (column, value) in self.given.iter().zip(values) {
                if let (Some(at), Some(text)) = (column.declared, value) {
                    set(&mut rows, at, column.spelling, text);
                }
            }
            let record = || serde_json::Value::from(values.clone()).to_string();
            rows.end_row(&format!("query {query} row {number}"), record);
        }
        rows.finish()
    }
}

fn spelling(kind: &str, declared: Option<&Column>) -> Result<Spelling, HandlerError> {
    let is_nested = ["array", "map", "row"].iter().any(|it| kind.starts_with(it));
    match declared {
        Some(Column { kind: ColumnType::String, .. }) | None => {}
        Some(column) if is_nested => {
            return Err(HandlerError::Config(format!(
                "the column `{}` comes as {kind}, whose text cannot be read back; write `CAST({0} AS JSON)` in the query",
                column.name
            )));
        }
        Some(Column { kind: ColumnType::Json, .. }) => return Ok(Spelling::Json),
        Some(column) if !is_plain(&column.kind) => return Ok(Spelling::Json),
        Some(_) => {}
    }
    Ok(match kind {
        "varbinary" => Spelling::Hex,
        _ if kind.starts_with("timestamp") => Spelling::Zoned,
        _ => Spelling::Text,
    })
}

fn set(rows: &mut Rows, column: usize, spelling: Spelling, text: &str) {
    match spelling {
        Spelling::Text => rows.set(column, Cell::Text(text)),
        Spelling::Json => rows.set(column, Cell::Json(text)),
        Spelling::Hex => match hex::decode(text.replace(' ', "")) {
            Ok(bytes) => rows.set(column, Cell::Bytes(&bytes)),
            Err(error) => rows.reject(format!("`{text}` is no binary value: {error}")),
        },
        Spelling::Zoned => match text.strip_suffix(" UTC") {
            Some(bare) => rows.set(column, Cell::Text(bare)),
            None => rows.set(column, Cell::Text(text)),
        },
    }
}

#[cfg(test)]
mod tests {
    use arrow::util::display::array_value_to_string;

    use super::*;

    fn given(columns: &[(&str, &str)]) -> Vec<(String, String)> {
        columns.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect()
    }

    fn read(declared: &[Column], columns: &[(&str, &str)], rows: &[&[Option<&str>]]) -> Batch {
        let page: Vec<Vec<_>> =
            rows.iter().map(|row| row.iter().map(|it| it.map(str::to_owned)).collect()).collect();
        Answer::new(declared, &given(columns)).unwrap().batch(&page, 10, "q1")
    }

    fn row(batch: &Batch, row: usize) -> Vec<String> {
        batch.rows.columns().iter().map(|it| array_value_to_string(it, row).unwrap()).collect()
    }

    const EVERY: &[(&str, &str)] = &[
        ("s", "varchar"),
        ("b", "boolean"),
        ("i", "integer"),
        ("l", "bigint"),
        ("x", "double"),
        ("d", "decimal(20,2)"),
        ("day", "date"),
        ("t", "timestamp"),
        ("z", "timestamp with time zone"),
        ("raw", "varbinary"),
        ("j", "json"),
        ("n", "array(integer)"),
    ];

    const VALUES: &[Option<&str>] = &[
        Some(""),
        Some("true"),
        Some("-7"),
        Some("9223372036854775807"),
        Some("1.0E-5"),
        Some("123456789012345678.90"),
        Some("2026-03-01"),
        Some("2026-03-01 10:00:00.001"),
        Some("2026-03-01 10:00:00.001 UTC"),
        Some("00 ff"),
        Some(r#"{"b": 1, "a": [null]}"#),
        Some("[1, 2]"),
    ];

    #[test]
    fn every_type_of_athena_is_read_from_its_text() {
        let batch = read(&columns(&given(EVERY)), EVERY, &[VALUES, &[None; 12]]);
        assert_eq!(batch.rejected, []);
        let expected = [
            "",
            "true",
            "-7",
            "9223372036854775807",
            "0.00001",
            "123456789012345678.90",
            "2026-03-01",
            "2026-03-01T10:00:00.001Z",
            "2026-03-01T10:00:00.001Z",
            "00ff",
            r#"{"a":[null],"b":1}"#,
            "[1, 2]",
        ];
        assert_eq!(row(&batch, 0), expected);
        assert!(batch.rows.columns().iter().all(|it| it.is_null(1) && it.is_valid(0)));
    }

    #[test]
    fn declared_columns_are_found_whatever_their_case_and_what_does_not_fit_is_rejected() {
        let declared: Vec<Column> =
            ["Amount decimal(5,1)", "Id bigint not null"].map(|it| it.parse().unwrap()).into();
        let columns = &[("id", "bigint"), ("amount", "decimal(20,2)"), ("more", "varchar")];
        let rows: &[&[Option<&str>]] = &[
            &[Some("1"), Some("1.50"), None],
            &[Some("2"), Some("1.55"), None],
            &[None, Some("1.00"), None],
        ];
        let batch = read(&declared, columns, rows);
        assert_eq!(row(&batch, 0), ["1.5", "1"]);
        let told: Vec<_> =
            batch.rejected.iter().map(|it| format!("{}: {}", it.place, it.reason)).collect();
        assert_eq!(
            told,
            [
                "query q1 row 12: `Amount`: `1.55` has more than 1 digits behind the point",
                "query q1 row 13: `Id` is empty"
            ]
        );
        assert_eq!(batch.rejected[0].record, r#"["2","1.55",null]"#);
        assert!(batch.unknown.contains("more"));
    }

    #[test]
    fn a_column_that_is_missing_or_nested_is_told_by_name() {
        let declared: Vec<Column> = vec!["tags array<string>".parse().unwrap()];
        let told = |columns| Answer::new(&declared, &given(columns)).err().unwrap().to_string();
        assert_eq!(told(&[("a", "bigint")]), "the answer has no column `tags`; it has a");
        assert!(told(&[("tags", "array(varchar)")]).contains("write `CAST(tags AS JSON)`"));
        let batch = read(&declared, &[("tags", "json")], &[&[Some(r#"["a",null]"#)]]);
        assert_eq!(row(&batch, 0), ["[a, ]"]);
    }
}
