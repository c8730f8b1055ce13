//! A gRPC call begins as many before it did, and then something is not as usual: its span and its metrics are
//! those that it has over `opentelemetry_sdk`'s provider, where nothing is taken for granted. And nothing of it is left
//! for the next call.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use bytes::Bytes;
use common::metrics::Metrics;
use common::plain::Plain;
use common::provider::Whose;
use common::traces::{Traces, text};
use futures_util::FutureExt;
use http_body::{Body, Frame};
use http_body_util::Empty;
use lianlu::{KeyValue, ServerLayer, Side, TraceLayer, TraceOptions};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{Layer, ServiceExt, service_fn};

const MESSAGE: &[u8] = b"\0\0\0\0\x02\n\0";

/// What comes of the response's body.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Data(&'static [u8]),
    Trailers(&'static [(&'static str, &'static str)]),
    Error,
    Panic,
    /// Nothing more ever.
    Stuck,
}

const OK: Piece = Piece::Trailers(&[("grpc-status", "0")]);

#[derive(Debug)]
struct Reply(std::slice::Iter<'static, Piece>);

impl Body for Reply {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(match self.0.next().copied() {
            None => return Poll::Ready(None),
            Some(Piece::Stuck) => return Poll::Pending,
            Some(Piece::Panic) => panic!("a body that panics"),
            Some(Piece::Error) => Err(std::io::Error::other("broken")),
            Some(Piece::Data(data)) => Ok(Frame::data(Bytes::from_static(data))),
            Some(Piece::Trailers(list)) => Ok(Frame::trailers(headers(list))),
        }))
    }
}

fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |&(name, value)| {
        let name = header::HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    };
    list.iter().map(pair).collect()
}

/// One call.
#[derive(Debug, Clone, Copy)]
struct Call {
    request: &'static [(&'static str, &'static str)],
    status: u16,
    head: &'static [(&'static str, &'static str)],
    pieces: &'static [Piece],
    handler: fn(),
    /// What the handler leaves among the response's extensions.
    told: Option<fn() -> TraceOptions>,
    /// How many frames the caller reads before it hangs up.
    reads: usize,
}

const USUAL: Call = Call {
    request: &[],
    status: 200,
    head: &[("content-type", "application/grpc")],
    pieces: &[Piece::Data(MESSAGE), OK],
    handler: || (),
    told: None,
    reads: usize::MAX,
};

fn current(say: impl FnOnce(opentelemetry::trace::SpanRef<'_>)) {
    say(Context::current().span());
}

fn elsewhere() -> SpanContext {
    let (trace, span) = (TraceId::from(7_u128), SpanId::from(7_u64));
    SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE)
}

static KEPT: Mutex<Vec<Context>> = Mutex::new(Vec::new());

/// What is said to a call that is over is said to nobody, not to the one that runs either.
fn say_late() {
    for context in KEPT.lock().unwrap().iter() {
        assert!(!context.span().is_recording());
        context.span().set_attribute(KeyValue::new("late", true));
    }
}

fn calls() -> Vec<(&'static str, Call)> {
    vec![
        ("as usual", USUAL),
        (
            "a message in two pieces",
            Call {
                pieces: &[Piece::Data(b"\0\0\0\0\x02"), Piece::Data(b"\n\0"), OK],
                ..USUAL
            },
        ),
        (
            "two messages in one piece, after a whole one",
            Call {
                pieces: &[
                    Piece::Data(MESSAGE),
                    Piece::Data(b"\0\0\0\0\0\0\0\0\0\x01x"),
                    OK,
                ],
                ..USUAL
            },
        ),
        (
            "messages, then half of one",
            Call {
                pieces: &[
                    Piece::Data(MESSAGE),
                    Piece::Data(MESSAGE),
                    Piece::Data(b"\0\0\0\0"),
                    OK,
                ],
                ..USUAL
            },
        ),
        (
            "a status",
            Call {
                pieces: &[
                    Piece::Data(MESSAGE),
                    Piece::Trailers(&[("grpc-status", "5"), ("grpc-message", "none")]),
                ],
                ..USUAL
            },
        ),
        (
            "an error of the server's",
            Call {
                pieces: &[Piece::Trailers(&[("grpc-status", "13")])],
                ..USUAL
            },
        ),
        (
            "no status",
            Call {
                pieces: &[Piece::Data(MESSAGE)],
                ..USUAL
            },
        ),
        (
            "trailers without a status",
            Call {
                pieces: &[Piece::Trailers(&[("x-cost", "7")])],
                ..USUAL
            },
        ),
        (
            "the status in the head",
            Call {
                head: &[("content-type", "application/grpc"), ("grpc-status", "7")],
                pieces: &[],
                ..USUAL
            },
        ),
        (
            "a page",
            Call {
                head: &[("content-type", "text/html")],
                ..USUAL
            },
        ),
        ("no content type", Call { head: &[], ..USUAL }),
        (
            "another status of HTTP",
            Call {
                status: 503,
                ..USUAL
            },
        ),
        (
            "a length",
            Call {
                head: &[
                    ("content-type", "application/grpc"),
                    ("content-length", "7"),
                ],
                ..USUAL
            },
        ),
        (
            "trailers in a frame",
            Call {
                head: &[("content-type", "application/grpc-web+proto")],
                pieces: &[
                    Piece::Data(MESSAGE),
                    Piece::Data(b"\x80\0\0\0\x10grpc-status: 5\r\n"),
                ],
                ..USUAL
            },
        ),
        (
            "base64",
            Call {
                request: &[("content-type", "application/grpc-web-text")],
                head: &[("content-type", "application/grpc-web-text")],
                pieces: &[
                    Piece::Data(b"AAAAAAIKAA=="),
                    Piece::Data(b"gAAAABBncnBjLXN0YXR1czogMA0K"),
                ],
                ..USUAL
            },
        ),
        (
            "an error of the body",
            Call {
                pieces: &[Piece::Data(MESSAGE), Piece::Error],
                ..USUAL
            },
        ),
        (
            "a panic of the body",
            Call {
                pieces: &[Piece::Data(MESSAGE), Piece::Panic],
                ..USUAL
            },
        ),
        (
            "a panic of the handler",
            Call {
                handler: || panic!("a handler that panics"),
                ..USUAL
            },
        ),
        (
            "the caller hangs up",
            Call {
                pieces: &[Piece::Data(MESSAGE), Piece::Stuck],
                reads: 1,
                ..USUAL
            },
        ),
        (
            "the caller hangs up late",
            Call {
                request: &[("grpc-timeout", "1n")],
                pieces: &[Piece::Data(MESSAGE), Piece::Stuck],
                reads: 1,
                ..USUAL
            },
        ),
        (
            "time enough",
            Call {
                request: &[("grpc-timeout", "1H")],
                ..USUAL
            },
        ),
        (
            "a user's attribute",
            Call {
                handler: || current(|span| span.set_attribute(KeyValue::new("tenant", "acme"))),
                ..USUAL
            },
        ),
        (
            "a user's name, status, event and link",
            Call {
                handler: || {
                    current(|span| {
                        span.update_name("better");
                        span.set_status(Status::Ok);
                        span.add_event("seen", vec![KeyValue::new("at", 1)]);
                        span.add_link(elsewhere(), Vec::new());
                    })
                },
                ..USUAL
            },
        ),
        (
            "a user's value for a key of the layer's",
            Call {
                handler: || current(|span| span.set_attribute(KeyValue::new("rpc.method", "mine"))),
                ..USUAL
            },
        ),
        (
            "ended by a user",
            Call {
                handler: || current(|span| span.end()),
                ..USUAL
            },
        ),
        (
            "kept beyond the call",
            Call {
                handler: || KEPT.lock().unwrap().push(Context::current()),
                ..USUAL
            },
        ),
        (
            "told by the handler",
            Call {
                told: Some(|| {
                    TraceOptions::new()
                        .with_name("told")
                        .with_attribute(KeyValue::new("told", 1))
                }),
                ..USUAL
            },
        ),
        (
            "of a caller with a state",
            Call {
                request: &[("tracestate", "congo=t61rcWkgMzE")],
                ..USUAL
            },
        ),
        (
            "of a caller with baggage",
            Call {
                request: &[("baggage", "tenant=acme")],
                ..USUAL
            },
        ),
        (
            "of a caller with a name",
            Call {
                request: &[("x-md-service-name", "shop")],
                ..USUAL
            },
        ),
        (
            "of nobody",
            Call {
                request: &[("traceparent", "none")],
                ..USUAL
            },
        ),
        (
            "of a caller who was not sampled",
            Call {
                request: &[(
                    "traceparent",
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                )],
                pieces: &[Piece::Trailers(&[("grpc-status", "14")])],
                ..USUAL
            },
        ),
    ]
}

impl Call {
    fn request(self) -> Request<Empty<Bytes>> {
        let uri = "http://shop.example:8080/shop.Orders/Get";
        let mut request = Request::post(uri)
            .version(::http::Version::HTTP_2)
            .body(Empty::new())
            .unwrap();
        let usual = [
            ("content-type", "application/grpc"),
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ),
        ];
        *request.headers_mut() = headers(&usual);
        // Later ones stand over those.
        request.headers_mut().extend(headers(self.request));
        request
    }

    async fn run<K: Side>(self, layer: &TraceLayer<K>) {
        let service = service_fn(move |_: Request<Empty<Bytes>>| async move {
            (self.handler)();
            let mut response = Response::new(Reply(self.pieces.iter()));
            *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
            *response.headers_mut() = headers(self.head);
            if let Some(told) = self.told {
                response.extensions_mut().insert(told());
            }
            Ok::<_, std::io::Error>(response)
        });
        let call = async {
            let response = layer.layer(service).oneshot(self.request()).await.unwrap();
            let mut body = pin!(response.into_body());
            for _ in 0..self.reads {
                if !matches!(
                    poll_fn(|cx| body.as_mut().poll_frame(cx)).await,
                    Some(Ok(_))
                ) {
                    break;
                }
            }
        };
        let _ = AssertUnwindSafe(call).catch_unwind().await;
    }
}

/// Spans and series of each call, with usual ones around it.
async fn seen<K: Side>(
    whose: Whose,
    made: impl Fn(&Traces) -> TraceLayer<K>,
) -> (Vec<Plain>, Vec<String>) {
    let traces = Traces::of(whose, Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
    let metrics = Metrics::default();
    let layer = made(&traces).with_meter_provider(metrics.provider.clone());
    for _ in 0..3 {
        USUAL.run(&layer).await;
    }
    for (_, call) in calls() {
        call.run(&layer).await;
        Call {
            handler: say_late,
            ..USUAL
        }
        .run(&layer)
        .await;
        KEPT.lock().unwrap().clear();
        USUAL.run(&layer).await;
    }
    let spans = traces.finished();
    assert_eq!(traces.open(), 0);
    let mut spans: Vec<&SpanData> = spans.iter().collect();
    spans.sort_by_key(|span| span.start_time);
    assert!(spans.iter().all(|span| text(span, "late").is_none()));
    let series = metrics.all().into_iter();
    let series = series.map(|series| format!("{} {} {}", series.name, series.line(), series.count));
    (
        spans.iter().map(|span| Plain::of(span, &[])).collect(),
        series.collect(),
    )
}

async fn same_of<K: Side>(made: impl Fn(&Traces) -> TraceLayer<K>, records: fn(&str) -> bool) {
    // Contexts that are kept are everybody's.
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = ONE_AT_A_TIME.lock().await;
    std::panic::set_hook(Box::new(|_| ()));
    let (ours, our_series) = seen(Whose::Ours, &made).await;
    let (others, other_series) = seen(Whose::Sdk, &made).await;
    let _ = std::panic::take_hook();
    let names = calls().into_iter().map(|(name, _)| name);
    let names = names.flat_map(|name| [name, "after it", "after that"]);
    let names: Vec<_> = ["before"; 3].into_iter().chain(names).collect();
    let names: Vec<_> = names.into_iter().filter(|name| records(name)).collect();
    assert_eq!(ours.len(), names.len());
    for ((ours, others), name) in ours.iter().zip(&others).zip(names) {
        assert_eq!(ours, others, "{name}");
    }
    assert_eq!(ours.len(), others.len());
    assert_eq!(our_series, other_series);
    assert!(our_series.len() > 3, "{our_series:?}");
}

async fn same(told: fn(ServerLayer) -> ServerLayer) {
    same_of(
        |traces| told(traces.server()),
        |name| !name.contains("not sampled"),
    )
    .await;
}

#[tokio::test]
async fn of_a_layer_that_is_told_nothing() {
    same(|layer| layer).await;
}

#[tokio::test]
async fn of_clients() {
    same_of(Traces::client, |_| true).await;
    same_of(
        |traces| traces.client().with_target("http://shop.example:9000"),
        |_| true,
    )
    .await;
    same_of(
        |traces| {
            traces
                .client()
                .on_end(|_, span| span.set_attribute(KeyValue::new("end", 1)))
        },
        |_| true,
    )
    .await;
}

#[tokio::test]
async fn of_layers_that_want_to_know() {
    same(|layer| {
        layer.on_end(|outcome, span| {
            span.set_attribute(KeyValue::new(
                "took",
                outcome.duration() < Duration::from_secs(60),
            ));
        })
    })
    .await;
    same(|layer| {
        layer.on_response(|head, span| {
            span.set_attribute(KeyValue::new("answered", i64::from(head.status().as_u16())));
        })
    })
    .await;
    same(|layer| layer.with_message_events(2)).await;
    same(|layer| layer.with_error_classifier(|outcome| outcome.grpc_code().is_none())).await;
}
