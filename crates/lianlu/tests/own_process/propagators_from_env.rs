//! `OTEL_PROPAGATORS` replaces the default propagators.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::sync::Mutex;

use axum::body::Body;
use http::{HeaderMap, Request, Response};
use lianlu::propagation::TraceContext;
use tower::{Layer, ServiceExt, service_fn};

use crate::common::traces::Traces;
use crate::common::{PARENT_ID, TRACE_ID};
use crate::own_process::{Printed, child, role, run};

const VARIABLE: &str = "OTEL_PROPAGATORS";

/// In the child: a server makes a call. The names of the call's headers, and whether it is in the
/// trace of the server's caller.
async fn made(client: impl Fn(&Traces) -> lianlu::ClientLayer) -> String {
    let traces = Traces::default();
    let seen = Mutex::new(HeaderMap::new());
    let client = client(&traces).layer(service_fn(|request: Request<Body>| {
        *seen.lock().unwrap() = request.headers().clone();
        async { Ok::<_, Infallible>(Response::new(Body::empty())) }
    }));
    let server = traces.server().layer(service_fn(|_: Request<Body>| async {
        // As a proxy copies it from the request that it serves.
        let request = Request::builder().header("x-md-service-name", "stranger");
        let request = request.body(Body::empty()).unwrap();
        client.clone().oneshot(request).await.unwrap();
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));
    let request = Request::builder()
        .header("b3", format!("{TRACE_ID}-{PARENT_ID}-1"))
        .header("baggage", "tenant=acme");
    let request = request.body(Body::empty()).unwrap();
    server.oneshot(request).await.unwrap();
    let is_continued = traces.all(2).await[0].span_context.trace_id().to_string() == TRACE_ID;
    let seen = seen.into_inner().unwrap();
    let mut names: Vec<_> = seen.keys().map(ToString::to_string).collect();
    names.sort();
    names.push(format!("continued: {is_continued}"));
    names.join(", ")
}

fn run_with(test: &str, list: Option<&OsStr>) -> Printed {
    let mut process = child(test, "");
    process.env_remove(VARIABLE);
    process.envs(list.map(|list| (VARIABLE, list)));
    run(&mut process)
}

/// In the child: calls of a client, of one with a service name, and of one with its own propagator.
async fn print_calls() {
    println!("made: {}", made(Traces::client).await);
    let named = |traces: &Traces| {
        traces
            .client()
            .with_propagator(lianlu::propagation::default_propagator().with_caller_name("till"))
    };
    println!("made: {}", made(named).await);
    let own = |traces: &Traces| traces.client().with_propagator(TraceContext::new());
    println!("made: {}", made(own).await);
}

#[tokio::test]
async fn the_variable_replaces_the_default() {
    if role().is_some() {
        return print_calls().await;
    }
    let own = "traceparent, x-md-service-name, continued: ";
    let default = "baggage, traceparent, continued: false";
    let named = "baggage, traceparent, x-md-service-name, continued: false";
    for (list, unnamed, named) in [
        (None, default, named),
        (Some(""), default, named),
        (Some(" "), default, named),
        (Some("none"), "continued: false", "continued: false"),
        (
            Some("tracecontext"),
            "traceparent, continued: false",
            "traceparent, continued: false",
        ),
        (
            Some(" B3 ,tracecontext,b3"),
            "b3, traceparent, continued: true",
            "b3, traceparent, continued: true",
        ),
        (
            Some("b3multi,baggage,servicename"),
            "baggage, x-b3-sampled, x-b3-spanid, x-b3-traceid, continued: true",
            "baggage, x-b3-sampled, x-b3-spanid, x-b3-traceid, x-md-service-name, continued: true",
        ),
    ] {
        let printed = run_with(&this_test!(), list.map(OsStr::new));
        let is_continued = unnamed.ends_with("true");
        let own = format!("{own}{is_continued}");
        assert_eq!(printed.marked("made: "), [unnamed, named, &own], "{list:?}");
        assert_eq!(printed.warnings(), [""; 0], "{list:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_unknown_name_is_warned_of_once_and_the_rest_is_used() {
    use std::os::unix::ffi::OsStrExt;

    if role().is_some() {
        return print_calls().await;
    }
    for (list, name) in [
        (&b"ottrace,b3"[..], "ottrace"),
        (b"b3;baggage,b3", "b3;baggage"),
        (b"\xff,b3", "\u{fffd}"),
    ] {
        let printed = run_with(&this_test!(), Some(OsStr::from_bytes(list)));
        assert_eq!(printed.marked("made: ")[0], "b3, continued: true");
        let expected = format!("lianlu: {VARIABLE}: there is no propagator \"{name}\", only ");
        let [warning] = printed.warnings()[..] else {
            panic!("{printed:?}");
        };
        assert!(warning.starts_with(&expected), "{warning}");
    }
}
