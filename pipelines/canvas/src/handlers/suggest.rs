//! "Did you mean …?" for misspelt names.

/// More edits than this make another name, not a misspelling.
const EDITS_MAX: usize = 3;

/// The name among `known` that `name` probably stands for.
pub(super) fn closest<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k String>,
) -> Option<&'k str> {
    known
        .into_iter()
        .map(|candidate| (edits(name, candidate), candidate.as_str()))
        .filter(|(edits, _)| *edits <= EDITS_MAX.min(name.len() / 2))
        .min()
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance in bytes.
fn edits(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        let known = ["users", "courses", "enrollments"].map(str::to_owned);
        assert_eq!(closest("usres", &known), Some("users"));
        assert_eq!(closest("Course", &known), Some("courses"));
        assert_eq!(closest("zebra", &known), None);
        assert_eq!(closest("", &known), None);
    }
}
