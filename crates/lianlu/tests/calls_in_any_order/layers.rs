//! What layers are told.

use std::time::Duration;

use http::HeaderName;
use lianlu::propagation::{B3, TraceContext};
use lianlu::{
    ClientLayer, KeyValue, ServerLayer, StreamEnd, TraceLayer,
    conventions::{Generation, GrpcCode, KnownMethods, OptIn, RpcStatusKey},
    layer::{Exceptions, Side},
    net::{HeaderCapture, HostList, TrustedProxies},
};

/// More than there are of anything here.
pub const MOST: usize = 64;

/// To log what goes wrong, where the sequence's other logs are.
pub const LOGS: usize = 49;

const OPT_INS: [OptIn; 9] = [
    OptIn::ClientPort,
    OptIn::NetworkLocal,
    OptIn::NetworkTransport,
    OptIn::UrlScheme,
    OptIn::UserAgent,
    OptIn::SyntheticUserAgent,
    OptIn::BodySize,
    OptIn::ServerAddressOnMetrics,
    OptIn::UrlTemplateOnMetrics,
];

fn captured() -> HeaderCapture {
    HeaderCapture::new().allow("x-tenant").allow("user-agent")
}

fn tenant(head: &lianlu::layer::RequestHead<'_>) -> Option<String> {
    let tenant = head.headers().get("x-tenant")?;
    Some(tenant.to_str().ok()?.to_owned())
}

/// One thing that a layer of either side can be told.
fn either<K: Side>(layer: TraceLayer<K>, what: usize) -> TraceLayer<K> {
    match what {
        1 => layer.with_metrics(|metrics| metrics.off()),
        2 => layer.with_metrics(|metrics| metrics.active_requests()),
        3 => layer.with_metrics(|metrics| metrics.body_sizes()),
        4 => layer.with_conventions(|conventions| {
            conventions.grpc_methods(KnownMethods::new(["shop.Orders/Get"]))
        }),
        5 => layer.with_conventions(|conventions| conventions.rpc(Generation::Both)),
        6 => layer.with_conventions(|conventions| conventions.rpc(Generation::Old)),
        7 => layer.with_conventions(|conventions| conventions.http(Generation::Both)),
        8 => layer.with_conventions(|conventions| conventions.http(Generation::Old)),
        9..18 => layer.with_conventions(|conventions| conventions.opt_in(OPT_INS[what - 9])),
        18 => layer.with_capture(|capture| capture.request_headers(captured())),
        19 => layer.with_capture(|capture| capture.response_headers(captured())),
        20 => layer.with_capture(|capture| capture.redacted_query_keys(["token"])),
        21 => layer.with_span_name(|head| tenant(head).map(Into::into)),
        22 => layer.with_attributes(|head| {
            let tenant = tenant(head).unwrap_or_default();
            vec![
                KeyValue::new("tenant", tenant),
                KeyValue::new("rpc.method", "hook"),
                KeyValue::new("http.response.status_code", 7),
            ]
        }),
        23 => layer.on_request(|head, span| {
            span.set_attribute(KeyValue::new("path", head.path().to_owned()));
            span.set_attribute(KeyValue::new("error.type", "hook"));
        }),
        24 => layer.on_response(|head, span| {
            let status = i64::from(head.status().as_u16());
            span.set_attribute(KeyValue::new("answered", status));
        }),
        25 => layer.on_end(|outcome, span| {
            span.set_attribute(KeyValue::new("error.type", "hook"));
            span.set_attribute(KeyValue::new("code", format!("{:?}", outcome.grpc_code())));
        }),
        26 => layer.with_metrics(|metrics| {
            metrics.attributes(|outcome| vec![KeyValue::new("failed", outcome.is_error())])
        }),
        27 => layer.with_errors(|errors| {
            errors.classifier(|outcome| {
                outcome.grpc_code() == Some(GrpcCode::Ok) || outcome.http_status().is_none()
            })
        }),
        28 => layer.with_errors(|errors| errors.error_type(|_| Some("mine".into()))),
        29 => layer.with_errors(|errors| errors.exceptions(Exceptions::Both)),
        30 => layer.with_filter(|head| head.path() != "/healthz" && tenant(head).is_none()),
        31 => layer.with_filter(|head| tenant(head).as_deref() != Some("acme")),
        32 => layer.with_capture(|capture| capture.messages(2)),
        33 => layer.with_capture(|capture| capture.request_body(8).response_body(4)),
        34 => layer.with_stream_end(|_, _| StreamEnd::Headers),
        35 => layer.with_stream_end(|head, route| match (tenant(head), route) {
            (None, None) => StreamEnd::Body,
            _ => StreamEnd::Headers,
        }),
        36 => layer
            .with_propagator(lianlu::propagation::default_propagator().with_caller_name("shop")),
        37 => layer.kratos(),
        38 => layer.with_propagator(B3::multi()),
        39 => layer.with_propagator(TraceContext::new()),
        40 => layer.with_conventions(|conventions| conventions.http_methods(["get", "BREW"])),
        41 => layer
            .with_conventions(|conventions| conventions.rpc_status_key(RpcStatusKey::StatusCode)),
        42 => layer.with_stream_end(|_, _| StreamEnd::Sliced(Duration::from_secs(3600))),
        43 => layer.with_filter(|_| false),
        44 => layer.with_tracer_name("mine"),
        45 => layer
            .with_conventions(|conventions| conventions.grpc_methods(KnownMethods::new(["a.B/C"]))),
        46 => layer.on_request(|head, _| assert!(tenant(head).is_none(), "told to panic")),
        47 => layer.on_end(|outcome, _| assert!(!outcome.is_error(), "told to panic")),
        48 => layer.with_span_name(|head| {
            assert!(tenant(head).is_none(), "told to panic");
            None
        }),
        57 => layer.on_response(|head, _| {
            assert!(!head.headers().contains_key("x-tenant"), "told to panic");
        }),
        58 => layer.with_attributes(|head| {
            assert!(tenant(head).is_none(), "told to panic");
            Vec::new()
        }),
        59 => layer.with_metrics(|metrics| {
            metrics.attributes(|outcome| {
                assert!(!outcome.is_error(), "told to panic");
                Vec::new()
            })
        }),
        60 => layer.with_errors(|errors| {
            errors.classifier(|outcome| {
                assert!(!outcome.is_error(), "told to panic");
                false
            })
        }),
        62 => layer.with_filter(|head| {
            assert!(tenant(head).is_none(), "told to panic");
            true
        }),
        63 => layer.with_stream_end(|head, _| {
            assert!(tenant(head).is_none(), "told to panic");
            StreamEnd::Body
        }),
        _ => layer,
    }
}

/// What only servers can be told.
pub fn server(layer: ServerLayer, what: usize) -> ServerLayer {
    match what {
        50 => layer.with_public_endpoint(|_| true),
        51 => layer.with_public_endpoint(|head| tenant(head).is_some()),
        52 => layer.with_trusted_proxies(TrustedProxies::private()),
        53 => layer.with_response_ids(|ids| ids.traceresponse()),
        54 => layer.with_response_ids(|ids| ids.trace_id(HeaderName::from_static("x-trace-id"))),
        55 => layer.with_conventions(|conventions| conventions.https()),
        other => either(layer, other),
    }
}

/// What only clients can be told.
pub fn client(layer: ClientLayer, what: usize) -> ClientLayer {
    match what {
        50 => layer.with_target("http://shop.example:9000"),
        51 => layer.with_outbound_hosts(HostList::new(["shop.example:8080"]).unwrap()),
        other => either(layer, other),
    }
}
