//! What a layer and its filters see of a request.

use http::{Extensions, HeaderMap, Method, Uri, Version, header};

/// The head of a request: what filters decide by.
///
/// ```
/// let layer = lianlu::server().with_filter(|head| head.path() != "/healthz");
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    pub(crate) fn new<B>(request: &'a http::Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
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
            version,
            headers,
            extensions,
        }
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The request's target.
    #[must_use]
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The path of the request's target, without the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.uri.path()
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers, or a gRPC call's metadata.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What outer layers and the server have attached to the request.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// Whether the content type begins with `application/grpc`.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        crate::grpc::content_type_begins(self.headers, crate::grpc::CONTENT_TYPE)
    }

    /// A header's value, if it is there once or more and the first is visible ASCII.
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The authority that the caller asked for: `:authority` or the absolute target's, else `Host`.
    pub(crate) fn authority(&self) -> Option<&'a str> {
        match self.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => self.header(header::HOST),
        }
    }
}
