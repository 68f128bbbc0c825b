//! Results as a Markdown table.

use comfy_table::Table;

/// A Markdown table with these columns.
pub(crate) fn markdown(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(columns);
    table.add_rows(rows);
    table.to_string()
}

/// A number as people read it: thousands apart, a fraction only where it says something.
pub(crate) fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(number(1_234_567.2), "1,234,567");
        assert_eq!(number(999.6), "1,000");
        assert_eq!(number(3.26), "3.3");
    }
}
