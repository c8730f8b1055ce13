//! A call as a list of choices, and the request that they make.

use std::fmt;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, Request, Version};
use http_body::Frame;
use http_body_util::StreamBody;
use lianlu::{
    KeyValue, Route, TraceOptions,
    layer::{ResendCount, UrlTemplate},
};
use tonic::transport::server::TcpConnectInfo;

/// What calls differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Layer,
    /// The layer around that one.
    Outer,
    Around,
    Method,
    Target,
    Path,
    Version,
    ContentType,
    Host,
    Agent,
    Parent,
    State,
    Baggage,
    Caller,
    Timeout,
    Tenant,
    Forwarded,
    Peer,
    Route,
    Extension,
    Request,
    Handler,
    Status,
    Head,
    Body,
    BodyKind,
    AnswerVersion,
    AnswerExtension,
    Reads,
    Thread,
}

impl Field {
    pub const ALL: [Self; 30] = [
        Self::Layer,
        Self::Outer,
        Self::Around,
        Self::Method,
        Self::Target,
        Self::Path,
        Self::Version,
        Self::ContentType,
        Self::Host,
        Self::Agent,
        Self::Parent,
        Self::State,
        Self::Baggage,
        Self::Caller,
        Self::Timeout,
        Self::Tenant,
        Self::Forwarded,
        Self::Peer,
        Self::Route,
        Self::Extension,
        Self::Request,
        Self::Handler,
        Self::Status,
        Self::Head,
        Self::Body,
        Self::BodyKind,
        Self::AnswerVersion,
        Self::AnswerExtension,
        Self::Reads,
        Self::Thread,
    ];
}

/// More choices than any field has.
pub const CHOICES: usize = 32;

/// A choice for each field; 0 is the usual one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Whether it is usual to be HTTP, and not gRPC.
    pub is_http: bool,
    pub choices: [u8; Field::ALL.len()],
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for field in Field::ALL {
            let choice = self.choices[field as usize];
            if choice > 0 {
                list.entry(&format_args!("{field:?}: {choice}"));
            }
        }
        list.finish()
    }
}

pub const TRACES: [&str; 2] = [
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "5bf92f3577b34da6a3ce929d0e0e4736",
];
pub const SPANS: [&str; 2] = ["00f067aa0ba902b7", "10f067aa0ba902b7"];

const METHODS: [&str; 8] = [
    "POST", "GET", "HEAD", "get", "BREW", "CONNECT", "OPTIONS", "PUT",
];

const TARGETS: [&str; 9] = [
    "http://shop.example:8080",
    "",
    "http://shop.example:8081",
    "http://shop.example",
    "https://shop.example",
    "https://shop.example:8080",
    "http://[::1]:8080",
    "http://SHOP.example:8080",
    "http://user:secret@shop.example:8080",
];

const PATHS: [&str; 12] = [
    "/shop.Orders/Get",
    "/orders/7?q=1",
    "/shop.Orders/Put",
    "/shop.Orders/Get?q=1",
    "/orders/8?sig=secret&token=secret",
    "/orders/7",
    "/",
    "/shop.Orders/",
    "/shop.Orders/Get/more",
    "/healthz",
    "/orders/long",
    "/shop.Orders/Long",
];

const VERSIONS: [Version; 5] = [
    Version::HTTP_2,
    Version::HTTP_11,
    Version::HTTP_10,
    Version::HTTP_3,
    Version::HTTP_09,
];

const CONTENT_TYPES: [&[&[u8]]; 13] = [
    &[b"application/grpc"],
    &[b"application/json"],
    &[],
    &[b"application/grpc+proto"],
    &[b"APPLICATION/GRPC"],
    &[b"application/grpc-web"],
    &[b"application/grpc-web-text"],
    &[b"application/grpc;charset=utf-8"],
    &[b"application/grpc\xff"],
    &[b"application/grp"],
    &[b""],
    &[b"application/grpc", b"application/json"],
    &[b"application/json", b"application/grpc"],
];

const HOSTS: [&[&[u8]]; 8] = [
    &[],
    &[b"shop.example:8080"],
    &[b"other.example"],
    &[b""],
    &[b"\xff"],
    &[b"shop.example:99999"],
    &[b":80"],
    &[b"shop.example:8080", b"other.example"],
];

const AGENTS: [&[&[u8]]; 8] = [
    &[],
    &[b"curl/8.14.1"],
    &[b"curl/8.14.2"],
    &[b""],
    &[b"\xff"],
    &[b"Googlebot"],
    &[b"curl/8.14.1", b"curl/8.14.2"],
    &[b"long"],
];

const PARENTS: [&[&[u8]]; 14] = [
    &[b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    &[b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"],
    &[b"00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-01"],
    &[b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"],
    &[b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02"],
    &[b"00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-ff"],
    &[b" cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"],
    // What follows begins a trace.
    &[],
    &[b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"],
    &[b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"],
    &[b"00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
    &[b"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\xff"],
    &[
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ],
    &[b""],
];

/// So many of [`PARENTS`] are there.
const VALID_PARENTS: usize = 7;

const STATES: [&[&[u8]]; 17] = [
    &[],
    &[b"congo=t61rcWkgMz0"],
    &[b"congo=t61rcWkgMz1"],
    &[b"congo=t61rcWkgMz2"],
    &[b"congo=t61rcWkgMz3"],
    &[b"congo=t61rcWkgMz4"],
    &[b"congo=t61rcWkgMz5"],
    &[b"congo=t61rcWkgMzE"],
    &[b"congo=t61rcWkgMzF"],
    &[b"congo=t61rcWkgMzE", b"rojo=1"],
    &[b"a=1,congo=t61rcWkgMzE"],
    &[b"a@b@c=1,d=2"],
    &[b"="],
    &[b""],
    &[b"\xff"],
    &[b"congo=t61rcWkgMzE", b"\xff"],
    &[b"long"],
];

const BAGGAGES: [&[&[u8]]; 9] = [
    &[],
    &[b"tenant=acme"],
    &[b"tenant=emca"],
    &[b"tenant=acme;p=1,user=%E4%BA%BA"],
    &[b"%"],
    &[b"\xff"],
    &[b""],
    &[b"tenant=acme", b"user=7"],
    &[b"long"],
];

const CALLERS: [&[&[u8]]; 6] = [&[], &[b"cart"], &[b"stock"], &[b""], &[b"\xff"], &[b"long"]];

const TIMEOUTS: [&[&[u8]]; 6] = [&[], &[b"1H"], &[b"1n"], &[b"0n"], &[b"x"], &[b"99999999H"]];

const TENANTS: [&[&[u8]]; 7] = [
    &[],
    &[b"acme"],
    &[b"emca"],
    &[b"acme", b"emca"],
    &[b"\xff\xfe"],
    &[b""],
    &[b"long"],
];

const FORWARDED: [&[(&str, &str)]; 5] = [
    &[],
    &[
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example:443"),
    ],
    &[("forwarded", "for=192.0.2.8;proto=http;host=other.example")],
    &[("x-forwarded-for", "192.0.2.9")],
    &[("x-forwarded-proto", "https")],
];

const ROUTES: [Option<&str>; 5] = [
    None,
    Some("/orders/{id}"),
    Some("/orders/{order}"),
    Some("/shop.Orders/Get"),
    Some(""),
];

impl Call {
    pub fn usual(is_http: bool) -> Self {
        Self {
            is_http,
            choices: [0; Field::ALL.len()],
        }
    }

    /// The same but for these.
    pub fn but(mut self, choices: &[(Field, u8)]) -> Self {
        for (field, choice) in choices {
            self.choices[*field as usize] = *choice;
        }
        self
    }

    /// Which of so many it is.
    pub fn at(&self, field: Field, count: usize) -> usize {
        // What is usual for HTTP comes second there.
        let second = matches!(
            field,
            Field::Method
                | Field::Path
                | Field::ContentType
                | Field::Route
                | Field::Head
                | Field::Body
        );
        let choice = usize::from(self.choices[field as usize]);
        (choice + usize::from(self.is_http && second)) % count
    }

    fn one_of<T: Copy>(&self, field: Field, pool: &[T]) -> T {
        pool[self.at(field, pool.len())]
    }

    /// Has a caller whose trace is known, so that samplers that look at it say the same each time.
    pub fn within_a_known_trace(&mut self) {
        let parent = &mut self.choices[Field::Parent as usize];
        *parent = u8::try_from(usize::from(*parent) % VALID_PARENTS).unwrap();
    }

    pub fn request<B>(&self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        let method = self.one_of(Field::Method, &METHODS);
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        *request.version_mut() = self.one_of(Field::Version, &VERSIONS);
        let mut path = self.one_of(Field::Path, &PATHS).to_owned();
        if path.to_ascii_lowercase().ends_with("long") {
            path.push_str(&"o".repeat(1100));
        }
        let uri = [self.one_of(Field::Target, &TARGETS), &path].concat();
        *request.uri_mut() = uri.parse().unwrap();
        let lists: [(&str, &[&[u8]]); 10] = [
            (
                "content-type",
                self.one_of(Field::ContentType, &CONTENT_TYPES),
            ),
            ("host", self.one_of(Field::Host, &HOSTS)),
            ("user-agent", self.one_of(Field::Agent, &AGENTS)),
            ("traceparent", self.one_of(Field::Parent, &PARENTS)),
            ("tracestate", self.one_of(Field::State, &STATES)),
            ("baggage", self.one_of(Field::Baggage, &BAGGAGES)),
            ("x-md-service-name", self.one_of(Field::Caller, &CALLERS)),
            ("grpc-timeout", self.one_of(Field::Timeout, &TIMEOUTS)),
            ("x-tenant", self.one_of(Field::Tenant, &TENANTS)),
            ("x-other", &[]),
        ];
        let headers = request.headers_mut();
        for (name, values) in lists {
            for value in values {
                headers.append(name, header(name, value));
            }
        }
        for (name, value) in self.one_of(Field::Forwarded, &FORWARDED) {
            headers.append(*name, HeaderValue::from_static(value));
        }
        self.extend(request.extensions_mut());
        request
    }

    fn extend(&self, extensions: &mut http::Extensions) {
        let tcp = |peer: Option<&str>| TcpConnectInfo {
            local_addr: Some(SocketAddr::from(([10, 0, 0, 2], 8080))),
            remote_addr: peer.map(|peer| peer.parse().unwrap()),
        };
        let address: SocketAddr = "10.0.0.7:51234".parse().unwrap();
        match self.at(Field::Peer, 12) {
            0 => drop(extensions.insert(tcp(Some("10.0.0.7:51234")))),
            1 => drop(extensions.insert(tcp(Some("10.0.0.7:51235")))),
            2 => drop(extensions.insert(tcp(Some("10.0.0.7:80")))),
            3 => drop(extensions.insert(tcp(Some("10.0.0.8:51234")))),
            4 => {}
            5 => drop(extensions.insert(tcp(Some("[::1]:51234")))),
            6 => drop(extensions.insert(tcp(Some("[::ffff:10.0.0.7]:51234")))),
            7 => drop(extensions.insert(ConnectInfo(address))),
            8 => drop(extensions.insert(address)),
            9 => drop(extensions.insert(tcp(None))),
            10 => drop(extensions.insert(tcp(Some("0.0.0.0:0")))),
            _ => drop(extensions.insert(tcp(Some("[fe80::1]:51234")))),
        }
        if let Some(route) = self.one_of(Field::Route, &ROUTES) {
            extensions.insert(Route(route.into()));
        }
        let asked = TraceOptions::new();
        match self.at(Field::Extension, 10) {
            0 => {}
            1 => drop(extensions.insert(tonic::GrpcMethod::new("shop.Orders", "Get"))),
            2 => drop(extensions.insert(tonic::GrpcMethod::new("shop.Orders", "Put"))),
            3 => drop(extensions.insert(asked.with_name("asked"))),
            4 => drop(extensions.insert(asked.with_attribute(KeyValue::new("asked", true)))),
            5 => {
                let asked = asked.with_attribute(KeyValue::new("rpc.method", "asked"));
                let asked = asked.with_attribute(KeyValue::new("rpc.response.status_code", 7));
                extensions.insert(asked.with_attribute(KeyValue::new("http.route", "asked")));
            }
            6 => drop(extensions.insert(TraceOptions::muted())),
            7 => drop(extensions.insert(UrlTemplate("/orders/{id}".into()))),
            8 => drop(extensions.insert(ResendCount(1))),
            _ => drop(extensions.insert(asked)),
        }
    }

    /// The request's body, which says when it is polled.
    pub fn request_body(&self, polled: impl Fn() + Send + 'static) -> Body {
        let pieces: &[&[u8]] = match self.at(Field::Request, 5) {
            0 => return Body::empty(),
            1 => &[b"\0\0\0\0\x02\n\0"],
            2 => &[b"\0\0\0\0\x02", b"\n\0\0\0\0\0\x01x"],
            3 => &[b"AAAAAAIKAA=="],
            _ => &[b"\0\0\0\0\x02\n\0", b"error"],
        };
        let frames = pieces.iter().map(move |piece| {
            polled();
            match *piece {
                b"error" => Err(std::io::Error::other("broken off")),
                piece => Ok(Frame::data(Bytes::from_static(piece))),
            }
        });
        Body::new(StreamBody::new(stream::iter(frames)))
    }
}

fn header(name: &str, value: &[u8]) -> HeaderValue {
    let long = match name {
        "tracestate" => format!("long={},congo=1", "v".repeat(250)),
        "baggage" => format!("long={}", "v".repeat(600)),
        _ => "l".repeat(2000),
    };
    let value = if value == b"long" {
        long.as_bytes()
    } else {
        value
    };
    HeaderValue::from_bytes(value).unwrap()
}
