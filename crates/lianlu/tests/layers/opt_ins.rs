//! The opt-in attributes of the conventions.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ::http::{Request, Version};
use axum::body::Body;
use lianlu::{conventions::OptIn, layer::UrlTemplate};
use opentelemetry_sdk::trace::SpanData;
use tower::ServiceExt;

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::metrics::Metrics;
use crate::common::provider::ProviderKind;
use crate::common::soon;
use crate::common::traces::{Traces, attr, int, text};

const BODY: &str = "hello";

/// The spans of one call, and all keys of its spans and metrics.
struct Telemetry {
    client: SpanData,
    server: SpanData,
    keys: BTreeSet<String>,
    address: SocketAddr,
}

/// Makes a call. Keys are such as `client url.scheme` and `server metric url.scheme`.
async fn call(opt_ins: &[OptIn], agent: &str) -> Telemetry {
    let traces = Traces::default();
    let metrics = Metrics::default();
    let provider = &metrics.provider;
    let mut client = traces
        .client()
        .with_metrics(|metrics| metrics.provider(provider.clone()));
    let mut server = traces
        .server()
        .with_metrics(|metrics| metrics.provider(provider.clone()));
    for opt_in in opt_ins {
        client = client.with_conventions(|conventions| conventions.opt_in(*opt_in));
        server = server.with_conventions(|conventions| conventions.opt_in(*opt_in));
    }
    let address = net::serve_root(server, async |body: String| body + "!").await;
    let mut request = Request::post(format!("http://{address}/"))
        .header("user-agent", agent)
        .body(Body::from(BODY))
        .unwrap();
    request.extensions_mut().insert(UrlTemplate("/".into()));
    let call = net::connect(client, Version::HTTP_11).oneshot(request);
    net::read(soon(call).await.unwrap()).await.unwrap();
    let (client, server) = traces.pair().await;
    let mut keys = BTreeSet::new();
    for (side, span) in [("client", &client), ("server", &server)] {
        let attributes = span.attributes.iter();
        keys.extend(attributes.map(|attribute| format!("{side} {}", attribute.key)));
    }
    for side in ["client", "server"] {
        let name = format!("http.{side}.request.duration");
        let series = metrics.counted(&name, 1).await;
        let labels = series[0].labels.iter();
        let labels = labels.map(|label| label.split_once('=').unwrap().0);
        keys.extend(labels.map(|key| format!("{side} metric {key}")));
    }
    Telemetry {
        client,
        server,
        keys,
        address,
    }
}

#[tokio::test]
async fn each_opt_in_adds_its_own_keys_only() {
    let none = call(&[], "Googlebot/2.1").await;
    for (opt_in, added) in [
        (OptIn::ClientPort, &["server client.port"][..]),
        // axum does not know it.
        (OptIn::NetworkLocal, &[]),
        (OptIn::NetworkTransport, &["server network.transport"]),
        (
            OptIn::UrlScheme,
            &["client metric url.scheme", "client url.scheme"],
        ),
        (OptIn::UserAgent, &["client user_agent.original"]),
        (
            OptIn::SyntheticUserAgent,
            &[
                "client user_agent.synthetic.type",
                "server metric user_agent.synthetic.type",
                "server user_agent.synthetic.type",
            ],
        ),
        (
            OptIn::BodySize,
            &[
                "client http.request.body.size",
                "client http.response.body.size",
                "server http.request.body.size",
                "server http.response.body.size",
            ],
        ),
        (
            OptIn::ServerAddressOnMetrics,
            &["server metric server.address", "server metric server.port"],
        ),
        (OptIn::UrlTemplateOnMetrics, &["client metric url.template"]),
    ] {
        let with = call(&[opt_in], "Googlebot/2.1").await;
        let more: Vec<_> = with.keys.difference(&none.keys).collect();
        assert_eq!(more, added, "{opt_in:?}");
        assert!(with.keys.is_superset(&none.keys), "{opt_in:?}");
    }
}

#[tokio::test]
async fn opt_in_attributes_have_these_values() {
    let all = [
        OptIn::ClientPort,
        OptIn::NetworkTransport,
        OptIn::UrlScheme,
        OptIn::UserAgent,
        OptIn::SyntheticUserAgent,
        OptIn::BodySize,
    ];
    let telemetry = call(&all, "synthetics/1").await;
    let (client, server) = (&telemetry.client, &telemetry.server);
    assert_eq!(text(server, "network.transport"), Some("tcp"));
    assert_eq!(text(client, "url.scheme"), Some("http"));
    assert_eq!(text(client, "user_agent.original"), Some("synthetics/1"));
    for span in [client, server] {
        assert_eq!(text(span, "user_agent.synthetic.type"), Some("test"));
        assert_eq!(int(span, "http.request.body.size"), Some(5));
        assert_eq!(int(span, "http.response.body.size"), Some(6));
    }
    let port = int(server, "client.port").unwrap();
    assert_eq!(int(server, "network.peer.port"), Some(port));
    assert_ne!(port, i64::from(telemetry.address.port()));
}

/// By HTTP on tonic's server, which knows both addresses of a socket.
#[tokio::test]
async fn network_local_is_the_servers_address() {
    for opted_in in [false, true] {
        let traces = Traces::default();
        let mut layer = traces.server();
        if opted_in {
            layer = layer.with_conventions(|conventions| conventions.opt_in(OptIn::NetworkLocal));
        }
        let address = echo::serve(layer, Echo::new(&traces)).await;
        let request = Request::post(format!("http://{address}/")).body(Body::empty());
        net::send(Version::HTTP_2, request.unwrap()).await;
        let span = traces.all(1).await.remove(0);
        let expected = opted_in.then_some("127.0.0.1");
        assert_eq!(text(&span, "network.local.address"), expected);
        let expected = opted_in.then_some(i64::from(address.port()));
        assert_eq!(int(&span, "network.local.port"), expected);
    }
}

/// Whole characters, up to the limit in bytes. Off by default.
#[tokio::test]
async fn body_contents_are_recorded_up_to_a_limit() {
    const REQUEST: &str = "http.request.body.content";
    const RESPONSE: &str = "http.response.body.content";
    for (max, request, response) in [
        (None, None, None),
        (Some(0), None, None),
        // Less than one character of the request.
        (Some(1), Some(""), Some("<")),
        (Some(3), Some("链"), Some("<")),
        (Some(7), Some("链路"), Some("<链路")),
        (Some(100), Some("链路"), Some("<链路>")),
    ] {
        let traces = Traces::default();
        let (mut client, mut server) = (traces.client(), traces.server());
        if let Some(max) = max {
            client = client.with_capture(|capture| capture.request_body(max).response_body(max));
            server = server.with_capture(|capture| capture.request_body(max).response_body(max));
        }
        let handler = async |body: String| {
            // In two frames.
            let (before, after) = ("<".to_owned(), format!("{body}>"));
            let pieces = [before, after].map(Ok::<_, std::io::Error>);
            Body::from_stream(tokio_stream::iter(pieces))
        };
        let address = net::serve_root(server, handler).await;
        let body = Body::from("链路");
        let request_of = Request::post(format!("http://{address}/")).body(body);
        let call = net::connect(client, Version::HTTP_11).oneshot(request_of.unwrap());
        let whole = net::read(soon(call).await.unwrap()).await.unwrap();
        assert_eq!(whole, "<链路>", "the body itself is not truncated");
        let (client, server) = traces.pair().await;
        for span in [client, server] {
            assert_eq!(text(&span, REQUEST), request, "{max:?}");
            assert_eq!(text(&span, RESPONSE), response, "{max:?}");
        }
    }
}

/// Text without its coding, on both sides; other content as bytes, which the API cannot carry.
#[tokio::test]
async fn body_contents_are_text_or_bytes_by_their_headers() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"{\"a\":1}").unwrap();
    let gzip = gzip.finish().unwrap();
    let plain = vec![0, 0x9f, 0xff];
    let (json, octets) = ("application/json", "application/octet-stream");
    let octets_kept = Some("bytes [0, 159, 255]");
    for (kind, content_type, coding, body, expected) in [
        (
            ProviderKind::Ours,
            json,
            "gzip",
            gzip.clone(),
            Some("{\"a\":1}"),
        ),
        (ProviderKind::Sdk, json, "gzip", gzip, Some("{\"a\":1}")),
        (
            ProviderKind::Ours,
            octets,
            "identity",
            plain.clone(),
            octets_kept,
        ),
        (ProviderKind::Sdk, octets, "identity", plain, None),
    ] {
        let traces = Traces::of(kind, opentelemetry_sdk::trace::Sampler::AlwaysOn);
        let headers = [("content-type", content_type), ("content-encoding", coding)];
        let handler = async move |body: bytes::Bytes| (headers, body);
        let server = traces
            .server()
            .with_capture(|it| it.request_body(100).response_body(100));
        let client = traces
            .client()
            .with_capture(|it| it.request_body(100).response_body(100));
        let address = net::serve_root(server, handler).await;
        let mut request = Request::post(format!("http://{address}/"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let answer = soon(net::connect(client, Version::HTTP_11).oneshot(request));
        axum::body::to_bytes(Body::new(answer.await.unwrap().into_body()), 1000)
            .await
            .unwrap();
        let (client, server) = traces.pair().await;
        for span in [client, server] {
            assert_eq!(text(&span, "http.request.body.content"), expected);
            assert_eq!(text(&span, "http.response.body.content"), expected);
        }
    }
}

/// Type, id and size of each `rpc.message` event.
fn messages(span: &SpanData) -> Vec<String> {
    let mut lines: Vec<_> = span
        .events
        .events
        .iter()
        .map(|event| {
            assert_eq!(event.name, "rpc.message");
            let value = |key: &str| {
                let mut attributes = event.attributes.iter();
                let found = attributes.find(|attribute| attribute.key.as_str() == key);
                found.unwrap().value.to_string()
            };
            format!(
                "{} {} {}",
                value("rpc.message.type"),
                value("rpc.message.id"),
                value("rpc.message.compressed_size")
            )
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn message_events_are_recorded_up_to_a_limit() {
    for max in [None, Some(0), Some(2), Some(100)] {
        let traces = Traces::default();
        let (mut client, mut server) = (traces.client(), traces.server());
        if let Some(max) = max {
            client = client.with_capture(|capture| capture.messages(max));
            server = server.with_capture(|capture| capture.messages(max));
        }
        let address = echo::serve(server, Echo::new(&traces)).await;
        let mut grpc = echo::connect(client, address).await;
        let texts = ["a", "bc", "def"];
        let requests = tokio_stream::iter(texts.map(|text| message(text, 0)));
        let mut replies = grpc.bidi(requests).await.unwrap().into_inner();
        while replies.message().await.unwrap().is_some() {}
        let (client, server) = traces.pair().await;
        let count = texts.len().min(max.unwrap_or(0) as usize);
        let expected = ["RECEIVED", "SENT"].into_iter().flat_map(|direction| {
            let texts = texts.iter().take(count).enumerate();
            texts.map(move |(at, text)| format!("{direction} {} {}", at + 1, echo::size(text, 0)))
        });
        let expected: Vec<_> = expected.collect();
        for span in [&client, &server] {
            assert_eq!(messages(span), expected, "{max:?}");
            assert_eq!(int(span, "lianlu.rpc.request.messages"), Some(3));
            assert_eq!(attr(span, "error.type"), None);
        }
    }
}
