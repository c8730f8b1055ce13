//! The headers that a layer looks at, found in one pass.
//!
//! Each look-up of a header hashes its name; a request has fewer headers than a layer would look up.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// What there is of the headers that matter.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Scan<'a> {
    pub(crate) traceparent: Field<'a>,
    pub(crate) tracestate: Field<'a>,
    pub(crate) baggage: Field<'a>,
    pub(crate) service_name: Field<'a>,
    content_type: Field<'a>,
    content_length: Field<'a>,
    grpc_timeout: Field<'a>,
    user_agent: Field<'a>,
    host: Field<'a>,
}

/// A header: its first value, and whether it has more.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) first: Option<&'a HeaderValue>,
    pub(crate) has_more: bool,
}

impl<'a> Field<'a> {
    #[inline]
    fn add(&mut self, value: &'a HeaderValue) {
        self.has_more = self.first.is_some();
        self.first.get_or_insert(value);
    }

    /// The first value, if it is visible ASCII.
    fn text(&self) -> Option<&'a str> {
        self.first?.to_str().ok()
    }
}

impl<'a> Scan<'a> {
    #[inline]
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut scan = Self::default();
        for (name, value) in headers {
            if let Some(field) = scan.field(name) {
                field.add(value);
            }
        }
        scan
    }

    /// Where a header belongs. By length first: most names have none of these.
    #[inline]
    fn field(&mut self, name: &HeaderName) -> Option<&mut Field<'a>> {
        let text = name.as_str();
        let (field, is_it) = match text.len() {
            4 => (&mut self.host, *name == header::HOST),
            7 => (&mut self.baggage, text == "baggage"),
            10 if *name == header::USER_AGENT => (&mut self.user_agent, true),
            10 => (&mut self.tracestate, text == "tracestate"),
            11 => (&mut self.traceparent, text == "traceparent"),
            12 if *name == header::CONTENT_TYPE => (&mut self.content_type, true),
            12 => (&mut self.grpc_timeout, text == "grpc-timeout"),
            14 => (&mut self.content_length, *name == header::CONTENT_LENGTH),
            17 => (&mut self.service_name, text == "x-md-service-name"),
            _ => return None,
        };
        is_it.then_some(field)
    }

    /// Whether a content type is there and begins with `prefix`, in upper or lower case.
    pub(crate) fn content_type_begins(&self, prefix: &[u8]) -> bool {
        begins(self.content_type.first, prefix)
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        number(self.content_length.first?)
    }

    pub(crate) fn grpc_timeout(&self) -> Option<&'a str> {
        self.grpc_timeout.text()
    }

    pub(crate) fn user_agent(&self) -> Option<&'a str> {
        self.user_agent.text()
    }

    pub(crate) fn host(&self) -> Option<&'a str> {
        self.host.text()
    }
}

/// The content length that a head tells.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    number(headers.get(header::CONTENT_LENGTH)?)
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}

/// Whether a header's value begins with `prefix`, in upper or lower case.
pub(crate) fn begins(value: Option<&HeaderValue>, prefix: &[u8]) -> bool {
    let start = value.and_then(|value| value.as_bytes().get(..prefix.len()));
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_if_each_were_looked_up() {
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
            // Of the same lengths.
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
        let scan = Scan::of(&headers);
        let first = |field: Field<'_>| field.text().map(str::to_owned);
        for (field, name) in [
            (scan.traceparent, "traceparent"),
            (scan.tracestate, "tracestate"),
            (scan.baggage, "baggage"),
            (scan.service_name, "x-md-service-name"),
            (scan.content_type, "content-type"),
            (scan.content_length, "content-length"),
            (scan.grpc_timeout, "grpc-timeout"),
            (scan.user_agent, "user-agent"),
            (scan.host, "host"),
        ] {
            assert_eq!(
                first(field).as_deref(),
                headers[name].to_str().ok(),
                "{name}"
            );
            assert!(!field.has_more);
        }
        headers.append("traceparent", HeaderValue::from(7));
        let scan = Scan::of(&headers);
        assert!(scan.traceparent.has_more);
        assert_eq!(first(scan.traceparent).as_deref(), Some("0"));
        assert!(Scan::of(&HeaderMap::new()).traceparent.first.is_none());
    }
}
