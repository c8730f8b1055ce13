//! Requests as a server's layer sees them.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue, Method, Request, Version, header};
use tonic::transport::server::TcpConnectInfo;

/// What the caller sends along.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// A parent that is sampled.
    Sampled,
    /// A parent that is not.
    Unsampled,
    /// A sampled parent, and the layer switched off.
    Off,
    /// A sampled parent and a tracestate of two members.
    Tracestate,
    /// The same and baggage of three.
    Baggage,
    /// A sampled parent, and a handler that sets three attributes and makes a child span.
    AttributesAndChild,
}

impl Case {
    pub(crate) const ALL: [Self; 6] = [
        Self::Sampled,
        Self::Unsampled,
        Self::Off,
        Self::Tracestate,
        Self::Baggage,
        Self::AttributesAndChild,
    ];

    /// How many spans of a call are exported.
    pub(crate) fn exported_spans(self) -> u64 {
        match self {
            Self::Unsampled | Self::Off => 0,
            Self::Sampled | Self::Tracestate | Self::Baggage => 1,
            Self::AttributesAndChild => 2,
        }
    }

    fn flags(self) -> &'static str {
        if self == Self::Unsampled { "00" } else { "01" }
    }
}

/// A traceparent; each number makes another trace and another span.
pub(crate) fn traceparent(number: u64, flags: &str) -> String {
    // Spread over all bytes, as real ids are. An even number could end up as the invalid id 0.
    let id = (number | 1 << 63).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    format!(
        "00-{:016x}{id:016x}-{:016x}-{flags}",
        id.rotate_left(32),
        id.rotate_left(17)
    )
}

fn trace_headers(headers: &mut HeaderMap, case: Case, number: u64) {
    let value = traceparent(number, case.flags());
    headers.insert(
        "traceparent",
        HeaderValue::try_from(value).expect("hex is a header value"),
    );
    if matches!(case, Case::Tracestate | Case::Baggage) {
        headers.insert(
            "tracestate",
            HeaderValue::from_static("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        );
    }
    if case == Case::Baggage {
        headers.insert(
            "baggage",
            HeaderValue::from_static("tenant=acme,user.tier=gold,session=4bf92f3577b34da6"),
        );
    }
}

/// `helloworld.Greeter/SayHello`, as grpc-go calls it and tonic hands it on.
pub(crate) fn grpc<B>(case: Case, number: u64, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() =
        http::Uri::from_static("http://shop.example:8080/helloworld.Greeter/SayHello");
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static("grpc-go/1.76.0"),
    );
    trace_headers(headers, case, number);
    request.extensions_mut().insert(TcpConnectInfo {
        local_addr: Some(SocketAddr::from(([10, 0, 0, 2], 8080))),
        remote_addr: Some(SocketAddr::from(([10, 0, 0, 7], 51_234))),
    });
    request
}

/// `GET /orders/7` as an axum router gets it.
pub(crate) fn http(case: Case, number: u64) -> Request<axum::body::Body> {
    let mut request = Request::new(axum::body::Body::empty());
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = http::Uri::from_static("/orders/7?full=1");
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("shop.example:8080"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("curl/8.15.0"));
    trace_headers(headers, case, number);
    request
        .extensions_mut()
        .insert(axum::extract::ConnectInfo(SocketAddr::from((
            [10, 0, 0, 7],
            51_234,
        ))));
    request
}
