//! The metadata map: keys with one or more values.

use std::collections::BTreeMap;

/// Metadata: lower-case keys, each with one or more values in insertion order.
///
/// ```
/// use lianlu::metadata::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.append("X-Md-Global-Tenant", "acme");
/// metadata.append("x-md-global-tenant", "corp");
/// assert_eq!(metadata.get("x-md-global-tenant"), Some("acme"));
/// assert_eq!(metadata.get_all("x-md-global-tenant"), ["acme", "corp"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, Vec<String>>);

impl Metadata {
    /// Metadata without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.get_all(key).first().map(String::as_str)
    }

    /// All values of `key`; empty if there is none.
    #[must_use]
    pub fn get_all(&self, key: &str) -> &[String] {
        self.0
            .get(&key.to_ascii_lowercase())
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Sets `key` to this single value. An empty key is ignored, as in Kratos.
    pub fn set(&mut self, key: impl AsRef<str>, value: impl Into<String>) {
        let key = key.as_ref();
        if !key.is_empty() {
            self.0.insert(key.to_ascii_lowercase(), vec![value.into()]);
        }
    }

    /// Adds a value to `key`. An empty key is ignored, as in Kratos.
    pub fn append(&mut self, key: impl AsRef<str>, value: impl Into<String>) {
        let key = key.as_ref();
        if !key.is_empty() {
            let values = self.0.entry(key.to_ascii_lowercase()).or_default();
            values.push(value.into());
        }
    }

    /// Iterates over all pairs of key and value, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(key, values)| {
            values
                .iter()
                .map(move |value| (key.as_str(), value.as_str()))
        })
    }

    /// Returns true if there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut metadata = Self::new();
        for (key, value) in pairs {
            metadata.append(key, value);
        }
        metadata
    }
}
