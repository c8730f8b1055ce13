//! Patterns with stars, and with question marks.

/// A pattern in which `*` matches any run of characters, also an empty one. Other characters match
/// themselves. If there are question marks, each matches any one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
    has_question_marks: bool,
}

impl Glob {
    pub(super) fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            has_question_marks: false,
        }
    }

    /// A pattern with stars and question marks.
    pub fn with_question_marks(pattern: impl Into<String>) -> Self {
        let pattern = pattern.into();
        let has_question_marks = pattern.contains('?');
        Self {
            pattern,
            has_question_marks,
        }
    }

    /// Does not allocate. Takes time linear in both lengths, except for repetitions in the pattern.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        if self.has_question_marks {
            return matches_any_one(&self.pattern, text);
        }
        let Some((first, mut pattern)) = self.pattern.split_once('*') else {
            return self.pattern == text;
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

fn matches_any_one(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What follows the last star, and the text from where it was tried last. Only the last star can
    // take more text: the first match of an earlier part leaves the most for the others.
    let mut again = None;
    loop {
        let (before, at) = (pattern.next(), text.clone());
        if before == Some('*') {
            again = Some((pattern.clone(), at));
            continue;
        }
        match (before, text.next()) {
            (None, None) => return true,
            (Some('?'), Some(_)) => continue,
            (Some(wanted), Some(found)) if wanted == found => continue,
            // The pattern needs more text.
            (Some(_), None) => return false,
            _ => {}
        }
        let Some((after_star, from)) = &mut again else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        (pattern, text) = (after_star.clone(), from.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn matches_question_marks() {
        for (pattern, text, matches) in [
            ("/v?", "/v1", true),
            ("/v?", "/v", false),
            ("/v?", "/v12", false),
            ("?", "链", true),
            ("*?", "", false),
            ("*?", "ab", true),
            ("/v?/*/c?", "/v1/a/c/c2", true),
            ("/v?/*/c?", "/v1/a/c", false),
            ("*a?c", "abcabc", true),
            ("*a?b*c", "acbac", true),
            ("*a?b*c", "acba", false),
        ] {
            let glob = Glob::with_question_marks(pattern);
            assert_eq!(glob.matches(text), matches, "{pattern} {text}");
        }
        assert!(!Glob::new("/v?").matches("/v1"));
    }

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
