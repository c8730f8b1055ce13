//! Writes spans with their events, links and status, and the messages around them.

use super::varint::{low_byte, put_len_prefixed, put_varint, varint_len};

/// The scalar fields of a span.
#[derive(Debug, Clone, Copy)]
pub struct SpanHead<'a> {
    /// Big-endian, as in `traceparent`.
    pub trace_id: [u8; 16],
    /// Big-endian.
    pub span_id: [u8; 8],
    /// All zero for a root span; then not written.
    pub parent_span_id: [u8; 8],
    /// The W3C `tracestate`; not written when empty.
    pub trace_state: &'a str,
    /// See [`span_flags`].
    pub flags: u32,
    /// The span's name.
    pub name: &'a str,
    /// `SpanKind`: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u8,
    /// Nanoseconds since 1970.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970.
    pub end_unix_nanos: u64,
}

/// The `flags` of a span or a link: the W3C flags, and whether the parent (for a link: the linked
/// span) is remote.
#[inline]
#[must_use]
pub const fn span_flags(w3c: u8, is_remote: bool) -> u32 {
    const HAS_IS_REMOTE: u32 = 0x100;
    const IS_REMOTE: u32 = 0x200;
    w3c as u32 | HAS_IS_REMOTE | if is_remote { IS_REMOTE } else { 0 }
}

/// `Status.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum StatusCode {
    /// The operation was judged to have succeeded.
    Ok = 1,
    /// The operation failed.
    Error = 2,
}

/// Appends a span as an element of `ScopeSpans.spans`: its head, then the fields that `rest`
/// appends with [`put_str`](super::put_str) and its siblings, [`put_event`], [`put_link`],
/// [`put_dropped`] and [`put_status`].
#[inline]
pub fn put_span(out: &mut Vec<u8>, head: &SpanHead<'_>, rest: impl FnOnce(&mut Vec<u8>)) {
    // Most spans have 128 to 16,383 bytes: a length of two bytes.
    put_len_prefixed(out, 0x12, 2, |out| put_span_fields(out, head, rest));
}

/// As [`put_span`], but without tag and length: the fields of a `Span`.
#[inline]
pub fn put_span_fields(out: &mut Vec<u8>, head: &SpanHead<'_>, rest: impl FnOnce(&mut Vec<u8>)) {
    put_ids(out, &head.trace_id, &head.span_id);
    put_text(out, 0x1a, head.trace_state);
    if head.parent_span_id != [0; 8] {
        let mut parent = [0x22, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        parent[2..].copy_from_slice(&head.parent_span_id);
        out.extend_from_slice(&parent);
    }
    put_text(out, 0x2a, head.name);
    put_kind_and_times(out, head);
    rest(out);
    let [a, b, c, d] = head.flags.to_le_bytes();
    out.extend_from_slice(&[0x85, 0x01, a, b, c, d]);
}

/// As [`put_span`], for a span that has only attributes, already encoded as elements of
/// `Span.attributes`.
///
/// The length is known in advance, so the buffer's capacity is checked once and the length needs no
/// correction.
#[inline]
pub fn put_described_span(out: &mut Vec<u8>, head: &SpanHead<'_>, attributes: &[u8]) {
    const IDS: usize = 28;
    const PARENT: usize = 10;
    const KIND_AND_TIMES: usize = 20;
    const FLAGS: usize = 6;

    let name = head.name.as_bytes();
    let length = IDS + PARENT + 2 + name.len() + KIND_AND_TIMES + attributes.len() + FLAGS;
    let is_fast_path = head.trace_state.is_empty()
        && head.parent_span_id != [0; 8]
        && (1..0x80).contains(&name.len())
        && head.kind < 0x80
        && (0x80..0x4000).contains(&length);
    if !is_fast_path {
        return put_span(out, head, |out| out.extend_from_slice(attributes));
    }
    let mut start = [0; 3 + IDS + PARENT + 2];
    start[..5].copy_from_slice(&[
        0x12,
        low_byte(length as u64) | 0x80,
        low_byte((length >> 7) as u64),
        0x0a,
        16,
    ]);
    start[5..21].copy_from_slice(&head.trace_id);
    start[21..23].copy_from_slice(&[0x12, 8]);
    start[23..31].copy_from_slice(&head.span_id);
    start[31..33].copy_from_slice(&[0x22, 8]);
    start[33..41].copy_from_slice(&head.parent_span_id);
    start[41..].copy_from_slice(&[0x2a, low_byte(name.len() as u64)]);
    let mut middle = [0; KIND_AND_TIMES];
    middle[..3].copy_from_slice(&[0x30, head.kind, 0x39]);
    middle[3..11].copy_from_slice(&head.start_unix_nanos.to_le_bytes());
    middle[11] = 0x41;
    middle[12..].copy_from_slice(&head.end_unix_nanos.to_le_bytes());
    let [a, b, c, d] = head.flags.to_le_bytes();

    out.reserve(3 + length);
    out.extend_from_slice(&start);
    out.extend_from_slice(name);
    out.extend_from_slice(&middle);
    out.extend_from_slice(attributes);
    out.extend_from_slice(&[0x85, 0x01, a, b, c, d]);
}

/// Fields at fixed offsets are assembled on the stack and appended at once.
#[inline]
fn put_kind_and_times(out: &mut Vec<u8>, head: &SpanHead<'_>) {
    if head.kind >= 0x80 {
        // Not a defined kind.
        out.push(0x30);
        put_varint(out, head.kind.into());
    } else {
        out.extend_from_slice(&[0x30, head.kind]);
    }
    let mut times = [0; 18];
    times[0] = 0x39;
    times[1..9].copy_from_slice(&head.start_unix_nanos.to_le_bytes());
    times[9] = 0x41;
    times[10..].copy_from_slice(&head.end_unix_nanos.to_le_bytes());
    out.extend_from_slice(&times);
}

#[inline]
fn put_ids(out: &mut Vec<u8>, trace_id: &[u8; 16], span_id: &[u8; 8]) {
    let mut ids = [0; 28];
    ids[..2].copy_from_slice(&[0x0a, 16]);
    ids[2..18].copy_from_slice(trace_id);
    ids[18..20].copy_from_slice(&[0x12, 8]);
    ids[20..].copy_from_slice(span_id);
    out.extend_from_slice(&ids);
}

/// A string field; not written when empty.
#[inline]
fn put_text(out: &mut Vec<u8>, tag: u8, text: &str) {
    if !text.is_empty() {
        out.push(tag);
        put_varint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends how many attributes, events and links of a span were dropped. Zeros are not written.
pub fn put_dropped(out: &mut Vec<u8>, attributes: u32, events: u32, links: u32) {
    for (tag, count) in [(0x50, attributes), (0x60, events), (0x70, links)] {
        if count > 0 {
            out.push(tag);
            put_varint(out, count.into());
        }
    }
}

/// Appends a span's status. Only an error has a message.
#[inline]
pub fn put_status(out: &mut Vec<u8>, code: StatusCode, message: &str) {
    put_len_prefixed(out, 0x7a, 1, |out| {
        put_text(out, 0x12, message);
        out.extend_from_slice(&[0x18, code as u8]);
    });
}

/// The fields of an event, except its attributes.
#[derive(Debug, Clone, Copy)]
pub struct EventHead<'a> {
    /// Nanoseconds since 1970.
    pub unix_nanos: u64,
    /// The event's name.
    pub name: &'a str,
    /// Number of dropped attributes.
    pub dropped_attributes: u32,
}

/// Appends an event of a span; `attributes` appends its attributes.
pub fn put_event(out: &mut Vec<u8>, head: &EventHead<'_>, attributes: impl FnOnce(&mut Vec<u8>)) {
    put_len_prefixed(out, 0x5a, 1, |out| {
        out.push(0x09);
        out.extend_from_slice(&head.unix_nanos.to_le_bytes());
        put_text(out, 0x12, head.name);
        attributes(out);
        if head.dropped_attributes > 0 {
            out.push(0x20);
            put_varint(out, head.dropped_attributes.into());
        }
    });
}

/// The fields of a link, except its attributes.
#[derive(Debug, Clone, Copy)]
pub struct LinkHead<'a> {
    /// Big-endian.
    pub trace_id: [u8; 16],
    /// Big-endian.
    pub span_id: [u8; 8],
    /// The W3C `tracestate`.
    pub trace_state: &'a str,
    /// See [`span_flags`].
    pub flags: u32,
    /// Number of dropped attributes.
    pub dropped_attributes: u32,
}

/// Appends a link of a span; `attributes` appends its attributes.
pub fn put_link(out: &mut Vec<u8>, head: &LinkHead<'_>, attributes: impl FnOnce(&mut Vec<u8>)) {
    put_len_prefixed(out, 0x6a, 1, |out| {
        put_ids(out, &head.trace_id, &head.span_id);
        put_text(out, 0x1a, head.trace_state);
        attributes(out);
        if head.dropped_attributes > 0 {
            out.push(0x28);
            put_varint(out, head.dropped_attributes.into());
        }
        out.push(0x35);
        out.extend_from_slice(&head.flags.to_le_bytes());
    });
}

/// Appends the fields of an `InstrumentationScope`, without tag and length.
pub fn put_scope(
    out: &mut Vec<u8>,
    name: &str,
    version: &str,
    attributes: impl FnOnce(&mut Vec<u8>),
) {
    put_text(out, 0x0a, name);
    put_text(out, 0x12, version);
    attributes(out);
}

/// The messages around the spans of a request, assembled from encoded parts.
///
/// ```text
/// 0x0a len( 0x0a len resource · 0x12 len( 0x0a len scope · spans · 0x1a len schema_url ) · … )
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// A `Resource`, without tag and length.
    pub resource: &'a [u8],
    /// `ResourceSpans.schema_url`; not written when empty.
    pub schema_url: &'a str,
}

impl Envelope<'_> {
    /// Length of one `ScopeSpans`, with tag and length, that has `spans` bytes of spans.
    #[must_use]
    pub fn scope_spans_len(scope: &[u8], schema_url: &str, spans: usize) -> usize {
        let inner = Self::scope_spans_inner(scope, schema_url, spans);
        delimited_len(inner)
    }

    fn scope_spans_inner(scope: &[u8], schema_url: &str, spans: usize) -> usize {
        delimited_len(scope.len()) + spans + text_len(schema_url)
    }

    /// Length of the whole request, if its `ScopeSpans` have `scopes` bytes together.
    #[must_use]
    pub fn request_len(&self, scopes: usize) -> usize {
        delimited_len(self.inner_len(scopes))
    }

    fn inner_len(&self, scopes: usize) -> usize {
        delimited_len(self.resource.len()) + scopes + text_len(self.schema_url)
    }

    /// Appends the bytes before the first `ScopeSpans`.
    pub fn put_start(&self, out: &mut Vec<u8>, scopes: usize) {
        out.push(0x0a);
        put_varint(out, self.inner_len(scopes) as u64);
        out.push(0x0a);
        put_varint(out, self.resource.len() as u64);
        out.extend_from_slice(self.resource);
    }

    /// Appends the bytes before the spans of one scope, which have `spans` bytes.
    pub fn put_scope_start(out: &mut Vec<u8>, scope: &[u8], schema_url: &str, spans: usize) {
        out.push(0x12);
        put_varint(
            out,
            Self::scope_spans_inner(scope, schema_url, spans) as u64,
        );
        out.push(0x0a);
        put_varint(out, scope.len() as u64);
        out.extend_from_slice(scope);
    }

    /// Appends the bytes after the spans of one scope.
    pub fn put_scope_end(out: &mut Vec<u8>, schema_url: &str) {
        put_text(out, 0x1a, schema_url);
    }

    /// Appends the bytes after the last `ScopeSpans`.
    pub fn put_end(&self, out: &mut Vec<u8>) {
        put_text(out, 0x1a, self.schema_url);
    }
}

fn delimited_len(inner: usize) -> usize {
    1 + varint_len(inner as u64) + inner
}

fn text_len(text: &str) -> usize {
    if text.is_empty() {
        0
    } else {
        delimited_len(text.len())
    }
}
