//! A span's attributes while they are collected: OTLP bytes, each key once.

use super::key::mark;
use super::value::{AttributeKey, AttributeOf, Elements};
use super::{put_array, put_bool, put_bytes, put_double, put_int, put_str, varint_len};

/// Longer buffers are not kept for the next span.
const KEPT_BYTES: usize = 4096;
const KEPT_ENTRIES: usize = 256;

/// How many attributes a span may have, and how long their texts may be.
///
/// See [attribute limits](https://opentelemetry.io/docs/specs/otel/common/#attribute-limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeLimits {
    /// More attributes than this are left out and counted.
    pub count: u32,
    /// Texts are cut after this many characters.
    pub value_length: usize,
}

impl Default for AttributeLimits {
    /// 128 attributes, texts of any length.
    fn default() -> Self {
        Self {
            count: 128,
            value_length: usize::MAX,
        }
    }
}

/// Where an attribute stands. It ends where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    at: u32,
    key_at: u32,
    key_len: u32,
}

/// Attributes of a span as elements of `Span.attributes`: `0x4a len KeyValue` again and again.
///
/// Each key is there once: a later value replaces an earlier one. Keys are found by the places where they were
/// written, and most by a set of marks without a look at any, so nothing is parsed.
///
/// ```
/// use lianlu_wire::otlp::EncodedAttributes;
///
/// let mut attributes = EncodedAttributes::default();
/// attributes.put_int("cart.items", 1);
/// attributes.put_int("cart.items", 2);
/// assert_eq!(attributes.len(), 1);
/// ```
#[derive(Debug, Clone, Default)]
pub struct EncodedAttributes {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// A bit for each mark that a key here has.
    marks: u128,
    limits: AttributeLimits,
    dropped: u32,
}

impl EncodedAttributes {
    /// No attributes yet.
    #[must_use]
    pub fn new(limits: AttributeLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Forgets all attributes, and keeps the allocations unless they are large.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        if self.bytes.capacity() > KEPT_BYTES || self.entries.capacity() > KEPT_ENTRIES {
            self.bytes.shrink_to(KEPT_BYTES);
            self.entries.shrink_to(KEPT_ENTRIES);
        }
        self.marks = 0;
        self.dropped = 0;
    }

    /// Sets the limits of the attributes that follow.
    #[inline]
    pub fn set_limits(&mut self, limits: AttributeLimits) {
        self.limits = limits;
    }

    /// The encoded attributes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The limits of the attributes that follow.
    #[inline]
    #[must_use]
    pub fn limits(&self) -> AttributeLimits {
        self.limits
    }

    /// How many attributes there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many were left out because of the limit.
    #[inline]
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Sets an attribute whose value is text.
    #[inline]
    pub fn put_str(&mut self, key: impl AttributeKey, value: &str) {
        let value = cut(value, self.limits.value_length);
        self.put(key, |out| put_str(out, AttributeOf::Span, key, value));
    }

    /// Sets an attribute whose value is a whole number.
    #[inline]
    pub fn put_int(&mut self, key: impl AttributeKey, value: i64) {
        self.put(key, |out| put_int(out, AttributeOf::Span, key, value));
    }

    /// Sets an attribute whose value is `true` or `false`.
    #[inline]
    pub fn put_bool(&mut self, key: impl AttributeKey, value: bool) {
        self.put(key, |out| put_bool(out, AttributeOf::Span, key, value));
    }

    /// Sets an attribute whose value is a floating-point number.
    pub fn put_double(&mut self, key: impl AttributeKey, value: f64) {
        self.put(key, |out| put_double(out, AttributeOf::Span, key, value));
    }

    /// Sets an attribute whose value is bytes.
    pub fn put_bytes(&mut self, key: impl AttributeKey, value: &[u8]) {
        self.put(key, |out| put_bytes(out, AttributeOf::Span, key, value));
    }

    /// Sets an attribute whose value is a list. `fill` gets the elements, and the limit of their texts.
    pub fn put_array(
        &mut self,
        key: impl AttributeKey,
        fill: impl FnOnce(&mut Elements<'_>, usize),
    ) {
        let longest = self.limits.value_length;
        self.put(key, |out| {
            put_array(out, AttributeOf::Span, key, |elements| {
                fill(elements, longest);
            });
        });
    }

    /// Appends what `write` encodes, in the place of an attribute with the same key.
    #[inline]
    fn put(&mut self, key: impl AttributeKey, write: impl FnOnce(&mut Vec<u8>)) {
        let bit = 1 << key.mark();
        if self.marks & bit != 0
            && let Some(index) = self.find(key.text())
        {
            return self.replace(index, key, write);
        }
        if self.entries.len() >= self.limits.count as usize {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let at = self.bytes.len();
        write(&mut self.bytes);
        self.push_entry(at, key.text().len());
        self.marks |= bit;
    }

    /// Notes the attribute that was just appended at `at`.
    #[inline]
    fn push_entry(&mut self, at: usize, key_len: usize) {
        // The head of a KeyValue: its tag and length, the key's tag and length.
        let framed = self.bytes.len() - at;
        let head = match framed {
            0..=129 => 2,
            _ => 1 + length_len(framed),
        };
        let key_at = at + head + 1 + varint_len(key_len as u64);
        let [at, key_at, key_len] = [at, key_at, key_len].map(u32::try_from);
        match (at, key_at, key_len) {
            (Ok(at), Ok(key_at), Ok(key_len)) => self.entries.push(Entry {
                at,
                key_at,
                key_len,
            }),
            // Beyond 4 GiB.
            (Ok(at), ..) => {
                self.bytes.truncate(at as usize);
                self.dropped = self.dropped.saturating_add(1);
            }
            _ => {}
        }
    }

    #[inline(never)]
    fn find(&self, key: &str) -> Option<usize> {
        let is_it = |entry: &Entry| {
            entry.key_len as usize == key.len() && self.text(entry) == key.as_bytes()
        };
        self.entries.iter().position(is_it)
    }

    fn text(&self, entry: &Entry) -> &[u8] {
        let at = entry.key_at as usize;
        let text = self.bytes.get(at..at + entry.key_len as usize);
        text.unwrap_or_default()
    }

    #[cold]
    fn replace(&mut self, index: usize, key: impl AttributeKey, write: impl FnOnce(&mut Vec<u8>)) {
        self.remove_at(index);
        let at = self.bytes.len();
        write(&mut self.bytes);
        self.push_entry(at, key.text().len());
    }

    /// Takes an attribute away, if it is there.
    pub fn remove(&mut self, key: impl AttributeKey) {
        if let Some(index) = self.find(key.text()) {
            self.remove_at(index);
        }
    }

    /// The mark stays: it may be another key's too, and is a hint only.
    fn remove_at(&mut self, index: usize) {
        let start = self.start_of(index);
        let end = self.start_of(index + 1);
        self.bytes.drain(start..end);
        self.entries.remove(index);
        let length = u32::try_from(end - start).unwrap_or_default();
        for entry in self.entries.iter_mut().skip(index) {
            entry.at -= length;
            entry.key_at -= length;
        }
    }

    fn start_of(&self, index: usize) -> usize {
        match self.entries.get(index) {
            Some(entry) => entry.at as usize,
            None => self.bytes.len(),
        }
    }

    /// A copy of some attributes, counted from 0, to be appended to others.
    #[must_use]
    pub fn block(&self, range: std::ops::Range<usize>) -> AttributeBlock {
        let start = self.start_of(range.start);
        let bytes = self.bytes.get(start..self.start_of(range.end));
        let bytes = bytes.unwrap_or_default();
        let offset = u32::try_from(start).unwrap_or_default();
        let entries = self.entries.get(range).unwrap_or_default();
        let entries = entries.iter().map(|entry| Entry {
            at: entry.at - offset,
            key_at: entry.key_at - offset,
            key_len: entry.key_len,
        });
        let entries: Box<[Entry]> = entries.collect();
        let text = |entry: &Entry| {
            let at = entry.key_at as usize;
            let text = bytes.get(at..at + entry.key_len as usize);
            std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
        };
        let marks = entries.iter().map(|entry| 1_u128 << mark(text(entry)));
        AttributeBlock {
            marks: marks.fold(0, |marks, bit| marks | bit),
            bytes: bytes.into(),
            entries,
        }
    }

    /// Appends a block, in whose place its keys have its values. Gives where it begins, if all of it was appended as it
    /// is.
    #[inline]
    pub fn append(&mut self, block: &AttributeBlock) -> Option<usize> {
        let start = self.bytes.len();
        let count = self.entries.len() + block.entries.len();
        let is_far = u32::try_from(start + block.bytes.len()).is_err();
        if self.marks & block.marks != 0 || count > self.limits.count as usize || is_far {
            self.append_each(block);
            return None;
        }
        #[allow(clippy::cast_possible_truncation)]
        let offset = start as u32;
        self.bytes.extend_from_slice(&block.bytes);
        self.marks |= block.marks;
        if offset == 0 {
            self.entries.extend_from_slice(&block.entries);
        } else {
            self.entries.extend(block.entries.iter().map(|entry| Entry {
                at: entry.at + offset,
                key_at: entry.key_at + offset,
                key_len: entry.key_len,
            }));
        }
        Some(start)
    }

    #[cold]
    fn append_each(&mut self, block: &AttributeBlock) {
        for (index, entry) in block.entries.iter().enumerate() {
            let end = block.entries.get(index + 1).map(|next| next.at as usize);
            let end = end.unwrap_or(block.bytes.len());
            let framed = block.bytes.get(entry.at as usize..end);
            let key_at = entry.key_at as usize;
            let key = block.bytes.get(key_at..key_at + entry.key_len as usize);
            let key = key.and_then(|key| std::str::from_utf8(key).ok());
            if let (Some(key), Some(framed)) = (key, framed) {
                self.put(key, |out| out.extend_from_slice(framed));
            }
        }
    }

    /// Writes `bytes` over what stands at `at`.
    #[inline]
    pub fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        let behind = self.bytes.get_mut(at..);
        if let Some(place) = behind.and_then(|behind| behind.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
    }
}

/// Finished attributes that many spans have, to be [appended](EncodedAttributes::append) to those of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeBlock {
    bytes: Box<[u8]>,
    entries: Box<[Entry]>,
    marks: u128,
}

impl AttributeBlock {
    /// How many attributes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Where an attribute ends. Its value is what stands before that.
    #[must_use]
    pub fn end_of(&self, key: &str) -> Option<usize> {
        let is_it = |entry: &Entry| {
            let at = entry.key_at as usize;
            self.bytes.get(at..at + entry.key_len as usize) == Some(key.as_bytes())
        };
        let index = self.entries.iter().position(is_it)?;
        let next = self.entries.get(index + 1);
        Some(next.map_or(self.bytes.len(), |next| next.at as usize))
    }
}

/// How many bytes the length of a field takes that has `framed` bytes with its tag and its length.
fn length_len(framed: usize) -> usize {
    let guess = varint_len(framed.saturating_sub(2) as u64);
    // The length does not count its own bytes.
    match varint_len(framed.saturating_sub(1 + guess) as u64) {
        exact if exact == guess => guess,
        exact => varint_len(framed.saturating_sub(1 + exact) as u64),
    }
}

/// The first `longest` characters.
#[inline]
#[must_use]
pub fn cut(text: &str, longest: usize) -> &str {
    // A character has a byte at least.
    if text.len() <= longest {
        return text;
    }
    match text.char_indices().nth(longest) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{AnyValue, Span};
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(String, String)> {
        let span = Span::parse(bytes).unwrap();
        let pair = |attribute: super::super::KeyValue<'_>| {
            let value = match attribute.value {
                AnyValue::String(text) => text.to_owned(),
                other => format!("{other:?}"),
            };
            (attribute.key.to_owned(), value)
        };
        let attributes = span.attributes();
        attributes
            .map(|attribute| pair(attribute.unwrap()))
            .collect()
    }

    fn random(state: &mut u64) -> u64 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *state >> 33
    }

    /// Whatever is set, the result is that of a map that takes new keys while it has room.
    #[test]
    fn is_a_map_with_a_limit() {
        for count in [0, 1, 3, 40, 128] {
            for distinct in [1, 4, 60, 300] {
                let mut attributes = EncodedAttributes::default();
                attributes.set_limits(AttributeLimits {
                    count,
                    value_length: usize::MAX,
                });
                let (mut map, mut dropped, mut state) = (BTreeMap::new(), 0, 1);
                for _ in 0..600 {
                    let key = format!("key.{}", random(&mut state) % distinct);
                    // Values whose lengths take one byte and two.
                    let length = [200, 3, 3, 3][usize::try_from(random(&mut state) % 4).unwrap()];
                    let value = "v".repeat(usize::try_from(random(&mut state)).unwrap() % length);
                    attributes.put_str(key.as_str(), &value);
                    if map.contains_key(&key) || map.len() < count as usize {
                        map.insert(key, value);
                    } else {
                        dropped += 1;
                    }
                }
                let found = read(attributes.as_bytes());
                assert_eq!(found.len(), map.len());
                assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), map);
                assert_eq!(attributes.dropped(), dropped);
                assert_eq!(attributes.len(), map.len());
            }
        }
    }

    #[test]
    fn finds_keys_of_every_length() {
        for key_len in [0, 1, 100, 126, 127, 128, 129, 200, 16_383, 16_384, 20_000] {
            for value_len in [0, 1, 110, 120, 130, 16_250, 16_300, 16_400] {
                let (key, value) = ("k".repeat(key_len), "v".repeat(value_len));
                let mut attributes = EncodedAttributes::default();
                attributes.put_str("first", "1");
                attributes.put_str(key.as_str(), &value);
                attributes.put_str("last", "2");
                attributes.put_str(key.as_str(), "new");
                let expected = [("first", "1"), ("last", "2"), (key.as_str(), "new")];
                let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
                assert_eq!(
                    read(attributes.as_bytes()),
                    expected,
                    "{key_len} {value_len}"
                );
            }
        }
    }

    #[test]
    fn appends_blocks_as_if_each_attribute_were_set() {
        let mut source = EncodedAttributes::default();
        source.put_int("own", 1);
        source.put_int("a", 2);
        source.put_str("b", "text");
        let block = source.block(1..3);
        assert_eq!((block.len(), block.is_empty()), (2, false));
        assert_eq!(block.end_of("b"), Some(block.size()));
        assert_eq!(block.end_of("own"), None);
        for before in [&["x"][..], &["a", "x"], &["b"], &[]] {
            let mut attributes = EncodedAttributes::default();
            for key in before {
                attributes.put_str(*key, "before");
            }
            attributes.append(&block);
            let found: BTreeMap<_, _> = read(attributes.as_bytes()).into_iter().collect();
            assert_eq!(found.get("b").map(String::as_str), Some("text"));
            assert_eq!(found.len(), attributes.len());
            // What follows finds the keys of the block.
            attributes.put_str("a", "after");
            let found: BTreeMap<_, _> = read(attributes.as_bytes()).into_iter().collect();
            assert_eq!(found.get("a").map(String::as_str), Some("after"));
            assert_eq!(found.len(), attributes.len());
        }
        let mut full = EncodedAttributes::default();
        full.set_limits(AttributeLimits {
            count: 1,
            value_length: usize::MAX,
        });
        assert_eq!(full.append(&block), None);
        assert_eq!((full.len(), full.dropped()), (1, 1));
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(cut("链路", 1), "链");
        assert_eq!(cut("ab", 2), "ab");
        assert_eq!(cut("abc", 0), "");
    }
}
