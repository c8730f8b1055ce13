//! The head of a request, as layers and filters see it.

use http::{Extensions, HeaderMap, Method, Uri, Version, header};

use crate::header_text;

/// The head of a request, without its body: the input of filters and hooks.
///
/// ```
/// let layer = lianlu::server().with_filter(|head| head.path() != "/healthz");
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    /// The fragment of a client's URL, which [`Uri`] leaves out.
    fragment: Option<&'a str>,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    pub(crate) fn new<B>(request: &'a http::Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            fragment: None,
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    #[cfg(feature = "reqwest")]
    pub(crate) fn from_parts(
        method: &'a Method,
        uri: &'a Uri,
        version: Version,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
    ) -> Self {
        Self {
            method,
            uri,
            fragment: None,
            version,
            headers,
            extensions,
        }
    }

    #[cfg(feature = "reqwest")]
    pub(crate) fn with_fragment(self, fragment: Option<&'a str>) -> Self {
        Self { fragment, ..self }
    }

    pub(crate) fn fragment(&self) -> Option<&'a str> {
        self.fragment
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The request target.
    #[must_use]
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The path of the request target, without the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.uri.path()
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers; for a gRPC call, its metadata.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions that the server and outer layers added to the request.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// Returns true if the content type begins with `application/grpc`.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        crate::grpc::content_type_begins(self.headers, crate::grpc::CONTENT_TYPE)
    }

    /// The first value of a header, if it is UTF-8.
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&'a str> {
        header_text::utf8(self.headers.get(name)?)
    }

    /// The requested authority: `:authority` or that of an absolute target, else `Host`.
    pub(crate) fn authority(&self) -> Option<&'a str> {
        match self.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => self.header(header::HOST),
        }
    }
}
