//! `OTEL_PROPAGATORS` replaces what the layers read and write by default.
//!
//! A process can't change its environment safely, so the test starts itself again with another one.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::process::Command;
use std::sync::Mutex;

use axum::body::Body;
use http::{HeaderMap, Request, Response};
use lianlu::propagation::TraceContext;
use tower::{Layer, ServiceExt, service_fn};

use crate::common::traces::Traces;

const VARIABLE: &str = "OTEL_PROPAGATORS";
const STARTED: &str = "LIANLU_TEST_STARTED";

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// In the started process: the headers of a call that a server makes within another, and whether it
/// is in the trace of that.
async fn made(client: impl Fn(&Traces) -> lianlu::ClientLayer) -> String {
    let traces = Traces::default();
    let seen = Mutex::new(HeaderMap::new());
    let client = client(&traces).layer(service_fn(|request: Request<Body>| {
        *seen.lock().unwrap() = request.headers().clone();
        async { Ok::<_, Infallible>(Response::new(Body::empty())) }
    }));
    let server = traces.server().layer(service_fn(|_: Request<Body>| async {
        let request = Request::new(Body::empty());
        client.clone().oneshot(request).await.unwrap();
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));
    let request = Request::builder()
        .header("b3", format!("{TRACE}-{SPAN}-1"))
        .header("baggage", "tenant=acme");
    let request = request.body(Body::empty()).unwrap();
    server.oneshot(request).await.unwrap();
    let goes_on = traces.all(2).await[0].span_context.trace_id().to_string() == TRACE;
    let seen = seen.into_inner().unwrap();
    let mut names: Vec<_> = seen.keys().map(ToString::to_string).collect();
    names.sort();
    names.push(format!("goes on: {goes_on}"));
    names.join(", ")
}

/// What the started process says, and its standard error.
fn started(list: Option<&OsStr>) -> (Vec<String>, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "propagators_of_the_environment::the_variable_replaces_the_default",
            "--nocapture",
        ])
        .env(STARTED, "1")
        .env_remove(VARIABLE);
    if let Some(list) = list {
        command.env(VARIABLE, list);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let said = said.lines().filter_map(|line| line.split_once("made: "));
    let said = said.map(|(_, names)| names.to_owned()).collect();
    (said, String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn the_variable_replaces_the_default() {
    if std::env::var_os(STARTED).is_some() {
        println!("made: {}", made(Traces::client).await);
        println!(
            "made: {}",
            made(|traces| traces.client().with_service_name("till")).await
        );
        println!(
            "made: {}",
            made(|traces| traces.client().with_propagator(TraceContext::new())).await
        );
        return;
    }
    let code = "traceparent, goes on: ";
    let default = "baggage, traceparent, goes on: false";
    let named = "baggage, traceparent, x-md-service-name, goes on: false";
    for (list, unnamed, named) in [
        (None, default, named),
        (Some(""), default, named),
        (Some(" "), default, named),
        (Some("none"), "goes on: false", "goes on: false"),
        (
            Some("tracecontext"),
            "traceparent, goes on: false",
            "traceparent, goes on: false",
        ),
        (
            Some(" B3 ,tracecontext,b3"),
            "b3, traceparent, goes on: true",
            "b3, traceparent, goes on: true",
        ),
        (
            Some("b3multi,baggage,servicename"),
            "baggage, x-b3-sampled, x-b3-spanid, x-b3-traceid, goes on: true",
            "baggage, x-b3-sampled, x-b3-spanid, x-b3-traceid, x-md-service-name, goes on: true",
        ),
    ] {
        let (said, errors) = started(list.map(OsStr::new));
        let goes_on = unnamed.ends_with("true");
        assert_eq!(
            said,
            [unnamed, named, &format!("{code}{goes_on}")],
            "{list:?}"
        );
        assert!(!errors.contains("lianlu: "), "{list:?}: {errors}");
    }
}

#[cfg(unix)]
#[test]
fn an_unknown_name_is_said_once_and_the_rest_is_used() {
    use std::os::unix::ffi::OsStrExt;

    for (list, name) in [
        (&b"ottrace,b3"[..], "ottrace"),
        (b"b3;baggage,b3", "b3;baggage"),
        (b"\xff,b3", "\u{fffd}"),
    ] {
        let (said, errors) = started(Some(OsStr::from_bytes(list)));
        assert_eq!(said[0], "b3, goes on: true");
        let lines: Vec<_> = errors
            .lines()
            .filter(|line| line.starts_with("lianlu: "))
            .collect();
        let expected = format!("lianlu: {VARIABLE}: there is no propagator \"{name}\", only ");
        assert_eq!(lines.len(), 1, "{errors}");
        assert!(lines[0].starts_with(&expected), "{errors}");
    }
}
