//! The single-header form: `b3`.

use super::{B3, B3Error, B3Ids, Sampling};
use crate::text::{hex, ows};

impl B3 {
    /// Reads the value of a `b3` header. Surrounding white space is ignored.
    ///
    /// # Errors
    ///
    /// [`B3Error`] when the value does not follow the grammar.
    #[inline]
    pub fn parse(value: &[u8]) -> Result<Self, B3Error> {
        let value = ows::trim(value);
        if value.is_empty() {
            return Err(B3Error::Empty);
        }
        let mut fields = value.split(|&byte| byte == b'-');
        let first = fields.next().unwrap_or_default();
        let Some(span_id) = fields.next() else {
            return Ok(Self {
                ids: None,
                sampling: decision(first)?,
            });
        };
        let trace_id = trace_id(first)?;
        let span_id = self::span_id(span_id)?;
        let sampling = fields.next().map(decision).transpose()?;
        let parent_span_id = fields.next().map(parent_span_id).transpose()?;
        if fields.next().is_some() {
            return Err(B3Error::TooLong);
        }
        Ok(Self {
            ids: Some(B3Ids {
                trace_id,
                span_id,
                parent_span_id,
            }),
            sampling: sampling.unwrap_or_default(),
        })
    }

    /// The value of a `b3` header. Empty when there are no ids and no decision: then send no
    /// header.
    ///
    /// The parent span id is omitted with [`Sampling::Defer`], where the format has no position for
    /// it.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        let decision = match self.sampling {
            Sampling::Defer => "",
            Sampling::Deny => "0",
            Sampling::Accept => "1",
            Sampling::Debug => "d",
        };
        let Some(ids) = &self.ids else {
            return decision.to_owned();
        };
        hex::push(&ids.trace_id, &mut out);
        out.push('-');
        hex::push(&ids.span_id, &mut out);
        if decision.is_empty() {
            return out;
        }
        out.push('-');
        out.push_str(decision);
        if let Some(parent) = &ids.parent_span_id {
            out.push('-');
            hex::push(parent, &mut out);
        }
        out
    }
}

fn decision(field: &[u8]) -> Result<Sampling, B3Error> {
    match field {
        b"0" => Ok(Sampling::Deny),
        b"1" => Ok(Sampling::Accept),
        b"d" => Ok(Sampling::Debug),
        _ => Err(B3Error::Sampling),
    }
}

pub(super) fn trace_id(digits: &[u8]) -> Result<[u8; 16], B3Error> {
    match digits.len() {
        16 | 32 => hex::decode_id(digits).ok_or(B3Error::TraceId),
        _ => Err(B3Error::TraceId),
    }
}

pub(super) fn span_id(digits: &[u8]) -> Result<[u8; 8], B3Error> {
    match digits.len() {
        16 => hex::decode_id(digits).ok_or(B3Error::SpanId),
        _ => Err(B3Error::SpanId),
    }
}

pub(super) fn parent_span_id(digits: &[u8]) -> Result<[u8; 8], B3Error> {
    match digits.len() {
        16 => hex::decode_short(digits).ok_or(B3Error::ParentSpanId),
        _ => Err(B3Error::ParentSpanId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";
    const PARENT: &str = "05e3ac9a4f6e3b90";

    #[test]
    fn valid() {
        use Sampling::*;
        for (value, sampling, parent) in [
            (format!("{TRACE}-{SPAN}"), Defer, false),
            (format!("{TRACE}-{SPAN}-0"), Deny, false),
            (format!("{TRACE}-{SPAN}-1"), Accept, false),
            (format!("{TRACE}-{SPAN}-d"), Debug, false),
            (format!("{TRACE}-{SPAN}-1-{PARENT}"), Accept, true),
        ] {
            let b3 = B3::parse(value.as_bytes()).unwrap();
            assert_eq!(b3.sampling, sampling, "{value}");
            assert_eq!(b3.ids.unwrap().parent_span_id.is_some(), parent);
            assert_eq!(b3.encode(), value);
        }
        for (value, sampling) in [("0", Deny), ("1", Accept), ("d", Debug), (" 0\t", Deny)] {
            let b3 = B3::parse(value.as_bytes()).unwrap();
            assert_eq!(
                b3,
                B3 {
                    ids: None,
                    sampling
                },
                "{value}"
            );
            assert_eq!(b3.encode(), value.trim());
        }
        assert_eq!(B3::default().encode(), "");
    }

    #[test]
    fn trace_ids_of_64_bits_are_zero_padded() {
        let b3 = B3::parse(format!("{}-{}-1", &TRACE[16..], SPAN.to_uppercase()).as_bytes());
        let encoded = b3.unwrap().encode();
        assert_eq!(encoded, format!("{:0>32}-{SPAN}-1", &TRACE[16..]));
    }

    #[test]
    fn invalid() {
        use B3Error::*;
        for (value, error) in [
            (String::new(), Empty),
            (" \t".into(), Empty),
            ("2".into(), Sampling),
            ("D".into(), Sampling),
            ("true".into(), Sampling),
            (TRACE.into(), Sampling),
            ("-".into(), TraceId),
            (format!("0-{SPAN}"), TraceId),
            (format!("{TRACE}0-{SPAN}"), TraceId),
            (format!("{}-{SPAN}", &TRACE[1..]), TraceId),
            (format!("{}-{SPAN}", "0".repeat(32)), TraceId),
            (format!("{}g-{SPAN}", &TRACE[1..]), TraceId),
            (format!("{TRACE}-"), SpanId),
            (format!("{TRACE}-{}", &SPAN[1..]), SpanId),
            (format!("{TRACE}-{}", "0".repeat(16)), SpanId),
            (format!("{TRACE}-{SPAN}-"), Sampling),
            (format!("{TRACE}-{SPAN}-x"), Sampling),
            (format!("{TRACE}-{SPAN}-1-"), ParentSpanId),
            (format!("{TRACE}-{SPAN}-1-{PARENT}0"), ParentSpanId),
            (format!("{TRACE}-{SPAN}-1-{PARENT}-"), TooLong),
        ] {
            assert_eq!(B3::parse(value.as_bytes()), Err(error), "{value}");
        }
    }
}
