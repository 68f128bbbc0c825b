//! Names with `*` in them.

/// A pattern: `sales_*` matches `sales_orders`. Letter case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self { parts: text.split('*').map(str::to_owned).collect() }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let [first, middle @ .., last] = &self.parts[..] else { return self.parts[0] == name };
        let Some(mut rest) =
            name.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        middle.iter().all(|part| match rest.split_once(part.as_str()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let matching = [
            ("a", "a"),
            ("*", ""),
            ("a*", "a"),
            ("a*c", "abc"),
            ("*b*", "abc"),
            ("a*b*c", "a_b_b_c"),
        ];
        for (pattern, name) in matching {
            assert!(Pattern::new(pattern).matches(name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "ab"), ("a*a", "a"), ("*b*", "ac"), ("a*b*c", "acb"), ("", "a")]
        {
            assert!(!Pattern::new(pattern).matches(name), "{pattern} {name}");
        }
    }
}
