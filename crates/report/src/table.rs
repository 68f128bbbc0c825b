//! Tables that scroll inside themselves on a narrow screen.

use crate::html::{Element, Html, element};

/// One cell of a row.
#[derive(Debug, Clone)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A number: right aligned.
    Number(String),
    /// Anything else.
    Html(Html),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Element> for Cell {
    fn from(element: Element) -> Self {
        Self::Html(element.into())
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(grouped(number))
    }
}

/// A table: `Table::new("Last 30 days", &["Day", "Rows"]).row([day.into(), rows.into()])`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Table {
    caption: String,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { caption: caption.into(), columns, rows: Vec::new() }
    }

    /// Adds a row. Its first cell is its heading.
    pub fn row(mut self, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.rows.push(cells.into_iter().collect());
        self
    }

    /// Adds rows.
    pub fn rows(self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        rows.into_iter().fold(self, Self::row)
    }

    /// A column is a column of numbers if it has one.
    fn is_numeric(&self, column: usize) -> bool {
        self.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Number(_))))
    }
}

impl From<Table> for Html {
    fn from(table: Table) -> Self {
        let heading = |(index, column): (usize, &String)| {
            let heading = element("th").attribute("scope", "col").text(column);
            if table.is_numeric(index) { heading.class("number") } else { heading }
        };
        let head = element("tr").children(table.columns.iter().enumerate().map(heading));
        let body = element("tbody").children(table.rows.iter().map(|row| row_of(row)));
        let whole = element("table")
            .child(element("caption").text(&table.caption))
            .child(element("thead").child(head))
            .child(body);
        // What scrolls must be reachable by keyboard.
        element("div").class("scroll").attribute("tabindex", 0).child(whole).into()
    }
}

fn row_of(cells: &[Cell]) -> Element {
    let cell = |(index, cell): (usize, &Cell)| {
        let tag = if index == 0 { element("th").attribute("scope", "row") } else { element("td") };
        match cell {
            Cell::Text(text) => tag.class("text").text(text),
            Cell::Number(number) => tag.class("number").text(number),
            Cell::Html(html) => tag.child(html.clone()),
        }
    };
    element("tr").children(cells.iter().enumerate().map(cell))
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_headings_for_rows_and_columns() {
        let table = Table::new("Days", &["Day", "Rows"]).row(["2026-03-01".into(), 1_234.into()]);
        let html = Html::from(table).to_string();
        assert!(html.contains(r#"<th scope="col" class="number">Rows</th>"#), "{html}");
        assert!(html.contains(r#"<th scope="row" class="text">2026-03-01</th>"#), "{html}");
        assert!(html.contains(r#"<td class="number">1,234</td>"#), "{html}");
    }
}
