//! Byte runs: complete fields one after the other, as the writer produces them and as they are
//! stored on disk.

use std::iter::FusedIterator;
use std::ops::Range;

use super::input::Input;
use super::repeated::{Element, Message};
use super::{KeyValue, ReadError, Span};

/// The tag of a span in `ScopeSpans`.
const SPAN: u32 = 0x12;
/// The tag of an attribute in `Span`.
const ATTRIBUTE: u32 = 0x4a;
/// The tag of the key in `KeyValue`.
const KEY: u32 = 0x0a;

/// The spans of a run, `0x12 len Span · 0x12 len Span …`, as bytes.
///
/// Strict: a run contains spans only. The concatenated `framed` bytes of the items are the run.
///
/// # Examples
///
/// Two parts of a run, each again a run:
///
/// ```
/// use lianlu_wire::otlp::{ReadError, SpanHead, Spans, put_span};
///
/// # let head = SpanHead { trace_id: [1; 16], span_id: [2; 8], parent_span_id: [0; 8], trace_state: "", flags: 1,
/// #     name: "GET", kind: 2, start_unix_nanos: 0, end_unix_nanos: 0 };
/// let mut run = Vec::new();
/// for name in ["a", "b", "c"] {
///     put_span(&mut run, &SpanHead { name, ..head }, |_| {});
/// }
/// let second = Spans::new(&run).nth(1).unwrap()?;
/// assert_eq!(second.parse()?.name, "b");
/// let (front, behind) = run.split_at(second.at);
/// assert_eq!((Spans::new(front).count(), Spans::new(behind).count()), (1, 2));
/// # Ok::<(), ReadError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Spans<'a>(Input<'a>);

/// One span as bytes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RawSpan<'a> {
    /// Offset of the span from the start of the input.
    pub at: usize,
    /// With tag and length.
    pub framed: &'a [u8],
    /// Without tag and length.
    pub message: &'a [u8],
    input: Input<'a>,
}

impl<'a> RawSpan<'a> {
    /// Reads the span.
    ///
    /// # Errors
    ///
    /// [`ReadError`], with an offset from the start of the run.
    #[inline]
    pub fn parse(&self) -> Result<Span<'a>, ReadError> {
        Span::read(Message(self.input))
    }
}

impl<'a> Spans<'a> {
    /// The spans of a run.
    #[inline]
    pub fn new(run: &'a [u8]) -> Self {
        Self(Input::new(run))
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<RawSpan<'a>>, ReadError> {
        let before = self.0;
        match self.0.tag()? {
            None => Ok(None),
            Some(SPAN) => {
                let input = self.0.delimited()?;
                Ok(Some(raw_span(before, &self.0, input)))
            }
            Some(other) => Err(ReadError::Tag {
                at: before.at(),
                expected: "a span in a run of spans",
                found: other.into(),
            }),
        }
    }
}

#[inline]
fn raw_span<'a>(before: Input<'a>, after: &Input<'a>, input: Input<'a>) -> RawSpan<'a> {
    RawSpan {
        at: before.at(),
        framed: after.since(&before),
        message: input.bytes(),
        input,
    }
}

/// The spans of a `ScopeSpans` as bytes; skips other fields.
#[derive(Clone, Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct RawSpans<'a>(Input<'a>);

impl<'a> RawSpans<'a> {
    #[inline]
    pub(super) fn new(message: Input<'a>) -> Self {
        Self(message)
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<RawSpan<'a>>, ReadError> {
        loop {
            let before = self.0;
            match self.0.tag()? {
                None => return Ok(None),
                Some(SPAN) => {
                    let input = self.0.delimited()?;
                    return Ok(Some(raw_span(before, &self.0, input)));
                }
                Some(tag) => self.0.skip(tag)?,
            }
        }
    }
}

/// The attributes among the fields of a span, `0x4a len KeyValue …`, as bytes and parsed. Skips
/// other fields of a span, such as events.
#[derive(Clone, Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Attributes<'a>(Input<'a>);

/// One attribute, as bytes and parsed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RawAttribute<'a> {
    /// Offset of the attribute from the start of the run.
    pub at: usize,
    /// With tag and length.
    pub framed: &'a [u8],
    /// Key and value.
    pub attribute: KeyValue<'a>,
}

impl<'a> Attributes<'a> {
    /// The attributes of a run.
    #[inline]
    pub fn new(run: &'a [u8]) -> Self {
        Self(Input::new(run))
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<RawAttribute<'a>>, ReadError> {
        loop {
            let before = self.0;
            match self.0.tag()? {
                None => return Ok(None),
                Some(ATTRIBUTE) => {
                    let attribute = KeyValue::read(Message(self.0.delimited()?))?;
                    return Ok(Some(RawAttribute {
                        at: before.at(),
                        framed: self.0.since(&before),
                        attribute,
                    }));
                }
                Some(tag) => self.0.skip(tag)?,
            }
        }
    }
}

/// The byte range, with tag and length, of the first attribute with this key among span fields
/// appended by the writer. Reads no values and no other fields, so it is cheap enough for the
/// request path.
///
/// `None` also if the bytes are malformed.
///
/// ```
/// use lianlu_wire::otlp::{AttributeOf, find_attribute, put_int, put_str};
///
/// let mut run = Vec::new();
/// put_int(&mut run, AttributeOf::Span, "http.response.status_code", 200);
/// let second = run.len();
/// put_str(&mut run, AttributeOf::Span, "http.route", "/basket");
/// assert_eq!(find_attribute(&run, "http.route"), Some(second..run.len()));
/// run.drain(second..);
/// assert_eq!(find_attribute(&run, "http.route"), None);
/// ```
#[inline]
#[must_use]
pub fn find_attribute(run: &[u8], key: &str) -> Option<Range<usize>> {
    let mut rest = Input::new(run);
    loop {
        let at = rest.at();
        let tag = rest.tag().ok()??;
        if tag != ATTRIBUTE {
            rest.skip(tag).ok()?;
            continue;
        }
        let mut attribute = rest.delimited().ok()?;
        // The writer puts the key first.
        if attribute.tag().ok()? == Some(KEY)
            && attribute.delimited().ok()?.bytes() == key.as_bytes()
        {
            return Some(at..rest.at());
        }
    }
}

macro_rules! iterate_until_an_error {
    ($($name:ident => $item:ident),*) => {$(
        impl<'a> Iterator for $name<'a> {
            type Item = Result<$item<'a>, ReadError>;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                let next = self.advance();
                if next.is_err() {
                    self.0.finish();
                }
                next.transpose()
            }
        }

        impl FusedIterator for $name<'_> {}
    )*};
}

iterate_until_an_error!(Spans => RawSpan, RawSpans => RawSpan, Attributes => RawAttribute);
