//! "Did you mean": the closest of some names.

/// The candidate closest to `name`, if it is close enough to be a slip.
pub fn closest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let slips_max = (name.chars().count() / 3).clamp(1, 4);
    let length = name.len();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(length) <= 4 * slips_max)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= slips_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance between the two, blind to case: inserted, removed, changed and swapped letters count one.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut current = vec![i];
        for j in 1..=b.len() {
            let changed = previous[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(previous[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let fields = ["InputPath", "OutputPath", "ResultPath", "Next"];
        assert_eq!(closest("InptuPath", fields), Some("InputPath"));
        assert_eq!(closest("next", fields), Some("Next"));
        assert_eq!(closest("Nxt", fields), Some("Next"));
        assert_eq!(closest("Retry", fields), None);
    }
}
