//! The service, and what it does with its span.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll, Waker};
use std::time::UNIX_EPOCH;

use axum::body::Body as RequestBody;
use futures_util::FutureExt;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use lianlu::propagation::CallerService;
use lianlu::{ClientLayer, KeyValue, ServerLayer};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanRef, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use tower::{BoxError, Layer, ServiceExt, service_fn};

use crate::call::{Call, Field};
use crate::common::traces::Traces;
use crate::reply::Reply;

/// What all calls of a sequence share.
pub struct World {
    pub traces: Traces,
    /// What services and callers have seen.
    pub log: Mutex<Vec<String>>,
    /// Contexts that are kept beyond their calls.
    pub kept: Mutex<Vec<Context>>,
    pub client: ClientLayer,
    pub server: ServerLayer,
}

impl World {
    pub fn say(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }
}

pub fn say_headers(headers: &HeaderMap) -> String {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii()))
        .collect();
    // Of one name they stay in their order.
    lines.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
    lines.join(", ")
}

/// Without the flag of random ids: the SDK's spans lose it where they are not sampled, and what is sent has it.
pub fn say_span(span: &SpanContext) -> String {
    format!(
        "{} {} sampled {} remote {} state {:?}",
        span.trace_id(),
        span.span_id(),
        span.is_sampled(),
        span.is_remote(),
        span.trace_state().header(),
    )
}

/// What is current.
pub fn say_current() -> String {
    let context = Context::current();
    let baggage = context.baggage().into_iter();
    let mut baggage: Vec<_> = baggage
        .map(|(key, (value, metadata))| format!("{key}={value};{}", metadata.as_str()))
        .collect();
    baggage.sort();
    format!(
        "{} active {} recording {} {:?} {baggage:?} {:?}",
        say_span(context.span().span_context()),
        context.has_active_span(),
        context.span().is_recording(),
        context.get::<CallerService>().map(CallerService::as_str),
        lianlu::trace_id(),
    )
}

fn span(say: impl FnOnce(SpanRef<'_>)) {
    say(Context::current().span());
}

fn elsewhere() -> SpanContext {
    let (trace, span) = (TraceId::from(7_u128), SpanId::from(7_u64));
    SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE)
}

/// A future that is not ready at once.
async fn later() {
    let mut is_ready = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut is_ready, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

fn read(mut body: RequestBody, world: &World) {
    let poll = |body: Pin<&mut RequestBody>| body.poll_frame(&mut Task::from_waker(Waker::noop()));
    loop {
        match poll(Pin::new(&mut body)) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => return world.say(format!("request: {error}")),
            _ => return,
        }
    }
}

/// A call of a service that is not in the sequence.
fn inside(world: &World) -> String {
    let seen = Arc::new(Mutex::new(None));
    let log = Arc::clone(&seen);
    let service = service_fn(move |request: Request<RequestBody>| {
        let log = Arc::clone(&log);
        async move {
            *log.lock().unwrap() = Some((say_headers(request.headers()), say_current()));
            Ok::<_, BoxError>(Response::new(String::new()))
        }
    });
    let request = Request::post("http://stock.example/shop.Stock/Take")
        .header("content-type", "application/grpc")
        .body(RequestBody::empty())
        .unwrap();
    let service = world.client.layer(world.server.layer(service));
    let response = service.oneshot(request).now_or_never();
    drop(response.unwrap().unwrap());
    let seen = seen.lock().unwrap().take();
    format!("{seen:?}")
}

/// Answers as the call says.
pub async fn handle(
    call: Call,
    world: Arc<World>,
    request: Request<RequestBody>,
) -> Result<Response<Reply>, BoxError> {
    world.say(format!("handler: {}", say_current()));
    let body = request.into_body();
    if call.at(Field::Handler, 27) == 23 {
        // Another task may read it.
        std::thread::scope(|scope| scope.spawn(|| read(body, &world)).join().unwrap());
    } else {
        read(body, &world);
    }
    match call.at(Field::Handler, 27) {
        1 => span(|it| it.set_attribute(KeyValue::new("tenant", "handler"))),
        2 => span(|it| {
            it.set_attribute(KeyValue::new("rpc.method", "handler"));
            it.set_attribute(KeyValue::new("http.route", "handler"));
        }),
        3 => span(|it| it.update_name("handler")),
        4 => span(|it| it.set_status(Status::Ok)),
        5 => span(|it| it.set_status(Status::error(""))),
        6 => span(|it| {
            it.add_event("seen", vec![KeyValue::new("at", 1)]);
            it.add_event_with_timestamp("then", UNIX_EPOCH, Vec::new());
            it.add_link(elsewhere(), Vec::new());
        }),
        7 => span(|it| it.end()),
        8 => world.kept.lock().unwrap().push(Context::current()),
        9 => {
            for context in world.kept.lock().unwrap().iter() {
                let span = context.span();
                span.set_attribute(KeyValue::new("late", true));
                span.update_name("late");
                span.end();
                let current = say_span(span.span_context());
                world.say(format!("kept: {current} {}", span.is_recording()));
            }
        }
        10 => panic!("a handler that panics"),
        11 => return Err(std::io::Error::other("no such luck").into()),
        12 => return Err(tonic::Status::not_found("no such thing").into()),
        13 => return Err(tonic::Status::internal("at http://user:secret@shop.example").into()),
        14 => std::future::pending().await,
        15 => {
            later().await;
            world.say(format!("handler, later: {}", say_current()));
        }
        16 => {
            let seen = inside(&world);
            world.say(format!("inside: {seen}"));
        }
        17 => world.traces.child("child"),
        18 => span(|it| {
            for at in 0..40 {
                it.set_attribute(KeyValue::new(format!("key.{at}"), at));
            }
        }),
        19 => {
            // In an order of its own: all that one can do, then the end.
            span(|it| {
                it.set_attribute(KeyValue::new("network.peer.port", 7));
                it.set_attribute(KeyValue::new("url.path", "handler"));
                it.set_attribute(KeyValue::new("error.type", "handler"));
                it.set_attribute(KeyValue::new("rpc.response.status_code", "handler"));
                it.update_name("handler");
            });
            later().await;
            world.traces.child("child");
        }
        20 => {
            let ours = std::mem::take(&mut *world.kept.lock().unwrap());
            drop(ours);
        }
        24 => span(|it| {
            for at in 0..140 {
                it.add_event(format!("event {at}"), Vec::new());
                it.add_link(elsewhere(), Vec::new());
            }
        }),
        25 => {
            // The span of another call.
            if let Some(other) = world.kept.lock().unwrap().first() {
                let _current = other.clone().attach();
                world.traces.child("child of another");
                world.say(format!("inside of another: {}", inside(&world)));
            }
        }
        26 => span(|it| {
            for at in 0..140 {
                it.set_attribute(KeyValue::new(format!("key.{at}"), at));
            }
        }),
        21 => {
            let suppressed = Context::current().with_telemetry_suppressed();
            let _current = suppressed.attach();
            let seen = inside(&world);
            world.say(format!("inside, suppressed: {seen}"));
        }
        _ => {}
    }
    Ok(call.response())
}

/// Polls once.
pub fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Task::from_waker(Waker::noop()))
}

/// The next frame of a body, as its caller sees it.
pub fn poll_frame<B>(body: &mut Pin<Box<B>>) -> (String, bool)
where
    B: Body<Error: std::fmt::Display> + ?Sized,
{
    match body
        .as_mut()
        .poll_frame(&mut Task::from_waker(Waker::noop()))
    {
        Poll::Pending => ("pending".into(), true),
        Poll::Ready(None) => ("end".into(), false),
        Poll::Ready(Some(Err(error))) => (format!("error: {error}"), false),
        Poll::Ready(Some(Ok(frame))) => match frame.trailers_ref() {
            Some(trailers) => (format!("trailers: {}", say_headers(trailers)), true),
            None => ("data".into(), true),
        },
    }
}
