//! The request headers that a call depends on, found in one pass.
//!
//! A look-up hashes the header's name, and a request usually has fewer headers than there would be
//! look-ups.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::header_text;

/// The headers of a request that a call depends on.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct KnownHeaders<'a> {
    pub(crate) traceparent: Field<'a>,
    pub(crate) tracestate: Field<'a>,
    pub(crate) baggage: Field<'a>,
    pub(crate) service_name: Option<&'a HeaderValue>,
    content_type: Option<&'a HeaderValue>,
    content_length: Option<&'a HeaderValue>,
    grpc_timeout: Option<&'a HeaderValue>,
    user_agent: Option<&'a HeaderValue>,
    host: Option<&'a HeaderValue>,
}

/// A header's first value, and whether the header occurs more than once.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) first: Option<&'a HeaderValue>,
    pub(crate) has_more: bool,
}

impl<'a> Field<'a> {
    /// The value of a header that occurs exactly once.
    #[inline]
    pub(crate) fn single(&self) -> Option<&'a HeaderValue> {
        self.first.filter(|_| !self.has_more)
    }

    #[inline]
    fn add(&mut self, value: &'a HeaderValue) {
        self.has_more = self.first.is_some();
        self.first.get_or_insert(value);
    }
}

impl<'a> KnownHeaders<'a> {
    #[inline]
    pub(crate) fn read(&mut self, headers: &'a HeaderMap) {
        for (name, value) in headers {
            self.add(name, value);
        }
    }

    #[cfg(test)]
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut known = Self::default();
        known.read(headers);
        known
    }

    /// Records a header if it is one of these. The names that the crate `http` knows are numbers
    /// there and are compared first; of the others, few have these lengths.
    #[inline]
    fn add(&mut self, name: &HeaderName, value: &'a HeaderValue) {
        let single = if *name == header::CONTENT_TYPE {
            &mut self.content_type
        } else if *name == header::USER_AGENT {
            &mut self.user_agent
        } else if *name == header::HOST {
            &mut self.host
        } else if *name == header::CONTENT_LENGTH {
            &mut self.content_length
        } else {
            match name.as_str() {
                "traceparent" => return self.traceparent.add(value),
                "tracestate" => return self.tracestate.add(value),
                "baggage" => return self.baggage.add(value),
                "grpc-timeout" => &mut self.grpc_timeout,
                "x-md-service-name" => &mut self.service_name,
                _ => return,
            }
        };
        single.get_or_insert(value);
    }

    /// True if there is a content type and it begins with `prefix`, ignoring case.
    #[inline]
    pub(crate) fn content_type_begins(&self, prefix: &[u8]) -> bool {
        begins(self.content_type, prefix)
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        number(self.content_length?)
    }

    pub(crate) fn grpc_timeout(&self) -> Option<&'a str> {
        self.grpc_timeout?.to_str().ok()
    }

    pub(crate) fn user_agent(&self) -> Option<Cow<'a, str>> {
        self.user_agent.map(header_text::text)
    }

    pub(crate) fn user_agent_bytes(&self) -> Option<&'a [u8]> {
        Some(self.user_agent?.as_bytes())
    }

    pub(crate) fn host(&self) -> Option<&'a str> {
        header_text::utf8(self.host?)
    }
}

/// Parses a content length.
pub(crate) fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}

/// True if the header's value begins with `prefix`, ignoring case.
#[inline]
pub(crate) fn begins(value: Option<&HeaderValue>, prefix: &[u8]) -> bool {
    let start = value.and_then(|value| value.as_bytes().get(..prefix.len()));
    // Nearly all clients write it in lower case.
    start.is_some_and(|start| start == prefix || start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_finds_the_same_as_single_look_ups() {
        let names = [
            "traceparent",
            "tracestate",
            "baggage",
            "x-md-service-name",
            "content-type",
            "content-length",
            "grpc-timeout",
            "user-agent",
            "host",
            // Other headers of the same lengths.
            "date",
            "expires",
            "set-cookie",
            "retry-after",
            "grpc-message",
            "accept-charset",
            "if-modified-since",
        ];
        let mut headers = HeaderMap::new();
        for (at, name) in names.iter().enumerate() {
            headers.append(*name, HeaderValue::from(at));
        }
        let scan = KnownHeaders::of(&headers);
        for (value, name) in [
            (scan.traceparent.first, "traceparent"),
            (scan.tracestate.first, "tracestate"),
            (scan.baggage.first, "baggage"),
            (scan.service_name, "x-md-service-name"),
            (scan.content_type, "content-type"),
            (scan.content_length, "content-length"),
            (scan.grpc_timeout, "grpc-timeout"),
            (scan.user_agent, "user-agent"),
            (scan.host, "host"),
        ] {
            assert_eq!(value, Some(&headers[name]), "{name}");
        }
        assert!(!scan.traceparent.has_more);
        headers.append("traceparent", HeaderValue::from(7));
        let scan = KnownHeaders::of(&headers);
        assert!(scan.traceparent.has_more);
        assert_eq!(scan.traceparent.first, Some(&HeaderValue::from(0)));
        assert!(
            KnownHeaders::of(&HeaderMap::new())
                .traceparent
                .first
                .is_none()
        );
    }
}
