//! The error for an invalid entry in a list of addresses, hosts or headers.

/// An invalid entry in a list of addresses, hosts or headers.
///
/// ```
/// let error = lianlu::net::TrustedProxies::new(["10.0.0.0/8", "10.0.0.0/40"]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "trusted proxies: \"10.0.0.0/40\": the prefix length of an IPv4 network must be 0 to 32"
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

    /// The invalid entry, cut after 1,024 bytes.
    #[must_use]
    pub fn entry(&self) -> &str {
        &self.entry
    }
}
