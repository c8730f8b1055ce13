//! Patterns with stars.

/// A pattern in which `*` matches any run of characters, also an empty one. Other characters match
/// themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(String);

impl Glob {
    pub(super) fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Does not allocate. Takes time linear in both lengths, except for repetitions in the pattern.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((first, mut pattern)) = self.0.split_once('*') else {
            return self.0 == text;
        };
        let Some(mut text) = text.strip_prefix(first) else {
            return false;
        };
        // The first match of each part leaves the most text for the following parts.
        while let Some((part, rest)) = pattern.split_once('*') {
            let Some((_, after)) = text.split_once(part) else {
                return false;
            };
            text = after;
            pattern = rest;
        }
        text.ends_with(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn matches_stars() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "/orders/链路", true),
            ("/orders", "/orders", true),
            ("/orders", "/orders/1", false),
            ("/orders/*", "/orders/1", true),
            ("/orders/*", "/orders", false),
            ("*.Health/*", "grpc.health.v1.Health/Check", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*ab", "aab", true),
            ("a**b", "ab", true),
            ("GET", "get", false),
            ("链*", "链路", true),
        ] {
            assert_eq!(
                Glob::new(pattern).matches(text),
                matches,
                "{pattern} {text}"
            );
        }
    }
}
