//! The URL of a collector.

use std::fmt;

use http::{HeaderValue, Uri};

#[cfg(feature = "jaeger")]
use crate::export::transport::basic_auth::basic_auth;
use crate::export::transport::basic_auth::{user, without_user};
use crate::export::transport::one_line::one_line;
use crate::export::transport::secrets::Secrets;

/// A collector's URL. It is displayed without user, query and fragment, and knows the credentials
/// that are sent with it, to hide them where the collector quotes them.
#[derive(Clone)]
pub(crate) struct CollectorUrl {
    uri: Uri,
    authorization: Option<HeaderValue>,
    secrets: Secrets,
}

impl CollectorUrl {
    pub(crate) fn new(uri: Uri) -> Self {
        let mut secrets = Secrets::default();
        if let Some(query) = uri.query() {
            secrets.add_query(query);
        }
        let user = user(&uri);
        if let Some((name, password)) = user {
            for text in [name, password] {
                secrets.add(text);
            }
        }
        let (uri, authorization) = without_user(uri);
        let mut url = Self {
            uri,
            authorization: None,
            secrets,
        };
        url.set_authorization(authorization);
        url
    }

    /// Sets the user for HTTP Basic authentication, instead of the one in the URL. False if a header
    /// cannot contain it.
    #[cfg(feature = "jaeger")]
    pub(crate) fn set_user(&mut self, name: &str, password: &str) -> bool {
        self.secrets.add(password);
        self.set_authorization(basic_auth(name, password));
        self.authorization.is_some()
    }

    fn set_authorization(&mut self, value: Option<HeaderValue>) {
        self.authorization = value;
        if let Some(value) = self.authorization.clone() {
            self.hide_header(&value);
        }
    }

    /// Hides the value of a header that is sent with each request.
    pub(crate) fn hide_header(&mut self, value: &HeaderValue) {
        if let Ok(value) = value.to_str() {
            self.secrets.add_header(value);
        }
    }

    /// A foreign text, for a message: one line, without the credentials that are sent to this URL.
    pub(crate) fn quote(&self, text: &str) -> String {
        one_line(&self.secrets.hide(text))
    }

    /// The URL without user information.
    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The exporter of this kind that sends here.
    #[cfg(any(
        feature = "jaeger",
        feature = "otlp-grpc",
        feature = "otlp-http",
        feature = "zipkin"
    ))]
    pub(crate) fn component(&self, kind: &'static str) -> crate::export::Component {
        let host = self.uri.host().unwrap_or_default();
        let default = match self.uri.scheme_str() {
            Some("https") => 443,
            _ => 80,
        };
        let port = self.uri.port_u16().unwrap_or(default);
        let host = host.trim_matches(['[', ']']);
        crate::export::Component::new(kind).with_server(host, port)
    }

    /// The `Authorization` header for the user. An explicitly set header takes precedence.
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
