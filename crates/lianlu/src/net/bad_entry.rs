//! What is said of a list's entry that can't be read.

/// An entry of a list of addresses, hosts or headers that means nothing.
///
/// ```
/// let error = lianlu::TrustedProxies::new(["10.0.0.0/8", "10.0.0.0/40"]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "trusted proxies: \"10.0.0.0/40\": the prefix of an IPv4 network is 0 to 32"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{list}: {entry:?}: {problem}")]
pub struct BadEntry {
    list: &'static str,
    entry: String,
    problem: &'static str,
}

impl BadEntry {
    pub(crate) fn new(list: &'static str, entry: &str, problem: &'static str) -> Self {
        Self {
            list,
            entry: crate::net::redact::clip(entry).to_owned(),
            problem,
        }
    }

    /// The entry, as it was given.
    #[must_use]
    pub fn entry(&self) -> &str {
        &self.entry
    }
}
