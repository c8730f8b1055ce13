//! The URL of a collector.

use std::fmt;

use http::{HeaderValue, Uri};

use crate::export::Component;
use crate::export::transport::basic_auth::without_user;

/// A collector's URL. It is displayed without credentials.
#[derive(Clone)]
pub(crate) struct CollectorUrl {
    uri: Uri,
    authorization: Option<HeaderValue>,
}

impl CollectorUrl {
    pub(crate) fn new(uri: Uri) -> Self {
        let (uri, authorization) = without_user(uri);
        Self { uri, authorization }
    }

    /// The URL without user information.
    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The exporter of this kind that sends here.
    pub(crate) fn component(&self, kind: &'static str) -> Component {
        let host = self.uri.host().unwrap_or_default();
        let default = match self.uri.scheme_str() {
            Some("https") => 443,
            _ => 80,
        };
        let port = self.uri.port_u16().unwrap_or(default);
        let host = host.trim_matches(['[', ']']);
        Component::new(kind).with_server(host, port)
    }

    /// The `Authorization` header for the user in the URL. An explicitly set header takes
    /// precedence.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl fmt::Display for CollectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let host = self.uri.host().unwrap_or_default();
        write!(f, "{scheme}://{host}")?;
        if let Some(port) = self.uri.port() {
            write!(f, ":{port}")?;
        }
        // Without the query, which may contain a key.
        f.write_str(self.uri.path())
    }
}

impl fmt::Debug for CollectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::CollectorUrl;

    #[test]
    fn displays_no_credentials() {
        let url = CollectorUrl::new("http://ann:secret@h:1/p?key=secret".parse().unwrap());
        assert_eq!(format!("{url} {url:?}"), "http://h:1/p http://h:1/p");
    }
}
