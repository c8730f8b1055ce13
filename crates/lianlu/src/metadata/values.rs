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
/// assert!(metadata.get_all("x-md-global-tenant").eq(["acme", "corp"]));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, Vec<Entry>>);

/// A value: text, and its bytes if they are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    text: String,
    raw: Option<Box<[u8]>>,
}

impl Entry {
    fn bytes(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }
}

impl From<Vec<u8>> for Entry {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self { text, raw: None },
            Err(error) => Self {
                text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                raw: Some(error.into_bytes().into()),
            },
        }
    }
}

impl Metadata {
    /// Metadata without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of `key`. Bytes that are not UTF-8 are U+FFFD in it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.get_all(key).next()
    }

    /// The bytes of the first value of `key`, for binary values.
    #[must_use]
    pub fn get_bytes(&self, key: &str) -> Option<&[u8]> {
        self.entries(key).first().map(Entry::bytes)
    }

    /// All values of `key`.
    pub fn get_all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.entries(key).iter().map(|entry| entry.text.as_str())
    }

    fn entries(&self, key: &str) -> &[Entry] {
        let entries = self.0.get(&key.to_ascii_lowercase());
        entries.map(Vec::as_slice).unwrap_or_default()
    }

    /// Sets `key` to this single value. An empty key or value is ignored, as in Kratos.
    pub fn set(&mut self, key: impl AsRef<str>, value: impl Into<String>) {
        let (key, value) = (key.as_ref(), value.into());
        if !key.is_empty() && !value.is_empty() {
            let entry = Entry::from(value.into_bytes());
            self.0.insert(key.to_ascii_lowercase(), vec![entry]);
        }
    }

    /// Adds a value to `key`. An empty key is ignored, as in Kratos.
    pub fn append(&mut self, key: impl AsRef<str>, value: impl Into<String>) {
        self.append_bytes(key, value.into().into_bytes());
    }

    /// Adds a binary value to `key`, as [`append`](Self::append). Over gRPC only keys that end in
    /// `-bin` carry any byte.
    pub fn append_bytes(&mut self, key: impl AsRef<str>, value: impl Into<Vec<u8>>) {
        let key = key.as_ref();
        if !key.is_empty() {
            let entries = self.0.entry(key.to_ascii_lowercase()).or_default();
            entries.push(value.into().into());
        }
    }

    /// Iterates over all pairs of key and value, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().map(|(key, entry)| (key, entry.text.as_str()))
    }

    /// As [`iter`](Self::iter), with the values as bytes.
    pub(super) fn iter_bytes(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs().map(|(key, entry)| (key, entry.bytes()))
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0
            .iter()
            .flat_map(|(key, entries)| entries.iter().map(move |entry| (key.as_str(), entry)))
    }

    /// Returns true if there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes each key of `other`, with all of its values instead of those here.
    pub(super) fn replace_with(&mut self, other: Self) {
        self.0.extend(other.0);
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
