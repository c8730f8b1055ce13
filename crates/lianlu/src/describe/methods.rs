//! Known methods: names that callers invent must not become span names or series.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{LazyLock, OnceLock};

use super::interner::{self, Interner};
use super::settings::Settings;
use crate::grpc::descriptor;
use crate::net::redact::clip;
use crate::variables::variable;

pub use crate::grpc::descriptor::DescriptorError;

/// The gRPC methods that a server implements or a client calls; others are `_OTHER`.
///
/// ```
/// use lianlu::conventions::KnownMethods;
///
/// let methods = KnownMethods::new(["helloworld.Greeter/SayHello"]);
/// let layer = lianlu::server().with_conventions(|conventions| conventions.grpc_methods(methods));
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct KnownMethods(HashSet<String>);

impl KnownMethods {
    /// Creates a list of methods, as `package.Service/Method`; a leading slash is allowed.
    pub fn new<M: AsRef<str>>(methods: impl IntoIterator<Item = M>) -> Self {
        let strip = |method: M| method.as_ref().trim_start_matches('/').to_owned();
        Self(methods.into_iter().map(strip).collect())
    }

    /// Adds the methods of every service in an encoded
    /// [`FileDescriptorSet`](https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto),
    /// the bytes that tonic's reflection service takes.
    ///
    /// # Errors
    ///
    /// If the bytes are not a valid set; the error contains the offset.
    pub fn with_descriptor_set(mut self, encoded: &[u8]) -> Result<Self, DescriptorError> {
        self.0.extend(descriptor::methods(encoded)?);
        Ok(self)
    }

    /// Adds a method.
    pub fn with_method(mut self, method: impl AsRef<str>) -> Self {
        self.0
            .insert(method.as_ref().trim_start_matches('/').to_owned());
        self
    }
}

/// The methods that a layer has learned. Half of the slots may be taken: without a list, 256
/// methods can name spans. A server with more needs a list.
type Learned = Interner<512>;

/// The known methods of a layer: from a list, or learned from responses.
#[derive(Debug, Default)]
pub(crate) struct GrpcMethods {
    listed: Option<HashSet<String>>,
    learned: OnceLock<Box<Learned>>,
}

/// A gRPC call's method.
#[derive(Debug, Clone)]
pub(crate) enum Method {
    /// In the list, named by the client's generated code, or learned.
    Known(Cow<'static, str>),
    /// Well-formed; the response will show whether the method exists.
    Presumed(Cow<'static, str>),
    /// Not a known method; the caller's text, truncated.
    Unknown(Cow<'static, str>),
}

impl GrpcMethods {
    pub(crate) fn listed(methods: KnownMethods) -> Self {
        Self {
            listed: Some(methods.0),
            learned: OnceLock::new(),
        }
    }

    /// The method that `path` requests. `is_named`: the caller's generated code names it too.
    pub(crate) fn find(&self, path: &str, is_named: bool) -> Method {
        let Some(method) = well_formed(path) else {
            return Method::Unknown(text(path));
        };
        match &self.listed {
            _ if is_named => Method::Known(known(method)),
            Some(listed) if listed.contains(method) => Method::Known(known(method)),
            Some(_) => Method::Unknown(text(method)),
            None if self.has_learned(method) => Method::Known(known(method)),
            None => Method::Presumed(text(method)),
        }
    }

    fn has_learned(&self, method: &str) -> bool {
        let learned = self.learned.get();
        learned.is_some_and(|learned| learned.contains(method))
    }

    /// True if a presumed method exists, now that the call has ended: a response that does not
    /// refuse the method admits it, up to a limit. The limit matters if something in front of the
    /// methods answers to every name.
    pub(crate) fn admit(&self, method: &str, is_refused: bool) -> bool {
        if is_refused {
            return self.has_learned(method);
        }
        let learned = self.learned.get_or_init(|| Box::new(Learned::new()));
        learned.keep(method).is_some()
    }
}

/// A method that exists, interned if there is room.
fn known(method: &str) -> Cow<'static, str> {
    match interner::kept(method) {
        Some(kept) => Cow::Borrowed(kept),
        None => text(method),
    }
}

fn text(text: &str) -> Cow<'static, str> {
    Cow::Owned(clip(text).to_owned())
}

/// The part `package.Service/Method` of a well-formed path.
fn well_formed(path: &str) -> Option<&str> {
    let method = path.strip_prefix('/')?;
    let (service, name) = method.split_once('/')?;
    let well_formed = !service.is_empty() && !name.is_empty() && !name.contains('/');
    (well_formed && clip(method).len() == method.len()).then_some(method)
}

/// The HTTP methods that are known by default: those of RFC 9110, `PATCH` and `QUERY`.
const HTTP_METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY",
];

/// The list from `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, which replaces them.
static HTTP_METHODS_FROM_ENV: LazyLock<Option<HashSet<String>>> = LazyLock::new(|| {
    let list = variable("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS")?;
    let names = list.split(',').map(str::trim);
    let names: HashSet<_> = names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    (!names.is_empty()).then_some(names)
});

/// The method, if it is known.
pub(crate) fn known_http_method(
    settings: &Settings,
    method: &http::Method,
) -> Option<Cow<'static, str>> {
    let method = method.as_str();
    let list = settings.http_methods.as_deref();
    if let Some(list) = list.or(HTTP_METHODS_FROM_ENV.as_ref()) {
        return list.contains(method).then(|| Cow::Owned(method.to_owned()));
    }
    let known = HTTP_METHODS.iter().find(|known| **known == method)?;
    Some(Cow::Borrowed(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(method: &Method) -> bool {
        matches!(method, Method::Known(_))
    }

    #[test]
    fn a_list_decides_unless_generated_code_names_the_method() {
        let methods = KnownMethods::new(["/a.B/C"]).with_method("a.B/D");
        let methods = GrpcMethods::listed(methods);
        assert!(is_known(&methods.find("/a.B/C", false)));
        assert!(is_known(&methods.find("/a.B/D", false)));
        for path in ["/a.B/E", "a.B/C", "/a.B/C/", "//", ""] {
            assert!(
                matches!(methods.find(path, false), Method::Unknown(_)),
                "{path}"
            );
        }
        assert!(is_known(&methods.find("/a.B/E", true)));
    }

    #[test]
    fn learns_methods_from_responses() {
        let methods = GrpcMethods::default();
        assert!(matches!(methods.find("/a.B/C", false), Method::Presumed(_)));
        assert!(!methods.admit("a.B/C", true));
        assert!(methods.admit("a.B/C", false));
        // Already learned: a refusal does not change that.
        assert!(methods.admit("a.B/C", true));
    }

    #[test]
    fn learns_a_limited_number_of_methods() {
        let methods = GrpcMethods::default();
        let admitted = (0..10_000)
            .filter(|i| methods.admit(&format!("a.B/{i}"), false))
            .count();
        assert_eq!(admitted, Learned::MOST);
    }

    #[test]
    fn truncates_an_overlong_method() {
        let path = format!("/a.B/{}", "x".repeat(5000));
        assert!(
            matches!(GrpcMethods::default().find(&path, true), Method::Unknown(name) if name.len() == 1024)
        );
    }
}
