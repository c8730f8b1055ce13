//! The multi-header form: one `x-b3-*` header for each field.

use super::single::{parent_span_id, span_id, trace_id};
use super::{B3, B3Error, B3Ids, Sampling};
use crate::text::ows;

/// The values of the `x-b3-*` headers, `None` for a header that is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct B3Lines<'a> {
    /// `x-b3-traceid`
    pub trace_id: Option<&'a [u8]>,
    /// `x-b3-spanid`
    pub span_id: Option<&'a [u8]>,
    /// `x-b3-parentspanid`
    pub parent_span_id: Option<&'a [u8]>,
    /// `x-b3-sampled`
    pub sampled: Option<&'a [u8]>,
    /// `x-b3-flags`
    pub flags: Option<&'a [u8]>,
}

impl B3Lines<'_> {
    /// Reads the headers. An empty value counts as absent.
    ///
    /// `x-b3-flags: 1` is [`Sampling::Debug`] whatever `x-b3-sampled` contains; other flags are
    /// ignored.
    ///
    /// # Errors
    ///
    /// [`B3Error`] when a value is malformed, when only one of the two ids is present, or when
    /// nothing is.
    #[inline]
    pub fn parse(&self) -> Result<B3, B3Error> {
        let sampling = match (present(self.flags), present(self.sampled)) {
            (Some(b"1"), _) => Sampling::Debug,
            (_, None) => Sampling::Defer,
            (_, Some(b"0")) => Sampling::Deny,
            (_, Some(b"1")) => Sampling::Accept,
            (_, Some(word)) if word.eq_ignore_ascii_case(b"false") => Sampling::Deny,
            (_, Some(word)) if word.eq_ignore_ascii_case(b"true") => Sampling::Accept,
            (_, Some(_)) => return Err(B3Error::Sampling),
        };
        let ids = match (present(self.trace_id), present(self.span_id)) {
            (None, None) => None,
            (trace, span) => Some(B3Ids {
                trace_id: trace_id(trace.unwrap_or_default())?,
                span_id: span_id(span.unwrap_or_default())?,
                parent_span_id: present(self.parent_span_id)
                    .map(parent_span_id)
                    .transpose()?,
            }),
        };
        if ids.is_none() && sampling == Sampling::Defer {
            return Err(B3Error::Empty);
        }
        Ok(B3 { ids, sampling })
    }
}

fn present(value: Option<&[u8]>) -> Option<&[u8]> {
    value.map(ows::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &[u8] = b"80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &[u8] = b"e457b5a2e4d86bd1";

    #[test]
    fn reads_the_same_as_the_single_header() {
        use Sampling::*;
        for (sampled, flags, sampling) in [
            ("", "", Defer),
            ("0", "", Deny),
            ("1", "0", Accept),
            ("False", "", Deny),
            ("true", "", Accept),
            ("", "1", Debug),
            ("0", "1", Debug),
            ("nonsense", "1", Debug),
        ] {
            let lines = B3Lines {
                trace_id: Some(TRACE),
                span_id: Some(SPAN),
                parent_span_id: Some(SPAN),
                sampled: Some(sampled.as_bytes()),
                flags: Some(flags.as_bytes()),
            };
            let b3 = lines.parse().unwrap();
            assert_eq!(b3.sampling, sampling, "{sampled} {flags}");
            let ids = b3.ids.unwrap();
            assert_eq!(ids.parent_span_id, Some(ids.span_id));
            assert_eq!(ids.trace_id[..2], [0x80, 0xf1]);
        }
        let deny = B3Lines {
            sampled: Some(b"0"),
            ..B3Lines::default()
        };
        assert_eq!(deny.parse(), B3::parse(b"0"));
    }

    #[test]
    fn invalid() {
        let valid = B3Lines {
            trace_id: Some(TRACE),
            span_id: Some(SPAN),
            ..B3Lines::default()
        };
        for (lines, error) in [
            (B3Lines::default(), B3Error::Empty),
            (
                B3Lines {
                    trace_id: None,
                    ..valid
                },
                B3Error::TraceId,
            ),
            (
                B3Lines {
                    span_id: None,
                    ..valid
                },
                B3Error::SpanId,
            ),
            (
                B3Lines {
                    span_id: Some(b""),
                    ..valid
                },
                B3Error::SpanId,
            ),
            (
                B3Lines {
                    trace_id: Some(b"0000000000000000"),
                    ..valid
                },
                B3Error::TraceId,
            ),
            (
                B3Lines {
                    parent_span_id: Some(b"x"),
                    ..valid
                },
                B3Error::ParentSpanId,
            ),
            (
                B3Lines {
                    sampled: Some(b"2"),
                    ..valid
                },
                B3Error::Sampling,
            ),
        ] {
            assert_eq!(lines.parse(), Err(error), "{lines:?}");
        }
    }
}
