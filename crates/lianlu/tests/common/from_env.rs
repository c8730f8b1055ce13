//! `pipeline_from_env` in a process of its own, with the environment that a test wants, and a
//! collector that keeps its requests.
#![allow(dead_code, unreachable_pub)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::own_process;
use lianlu::{KeyValue, pipeline::FlushError};
use opentelemetry::trace::{
    Link, Span, SpanContext, SpanId, TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Array, Value};

/// Makes a hang a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a child has printed.
#[derive(Debug)]
pub struct Outcome {
    /// Such as `started=1 exported=1 name=shop`.
    pub line: String,
    /// All of standard output.
    pub out: String,
    /// The lines on standard error.
    pub errors: Vec<String>,
}

impl Outcome {
    /// Asserts that there is exactly one warning, which begins so.
    #[track_caller]
    pub fn warns(&self, beginning: &str) -> &Self {
        assert_eq!(self.errors.len(), 1, "{self:#?}");
        let line = format!("lianlu: {beginning}");
        assert!(self.errors[0].starts_with(&line), "{self:#?}");
        self
    }

    /// Asserts that there is no warning.
    #[track_caller]
    pub fn is_silent(&self) -> &Self {
        assert!(self.errors.is_empty(), "{self:#?}");
        self
    }

    /// Asserts that the outcome's line has this field.
    #[track_caller]
    pub fn has(&self, part: &str) -> &Self {
        let found = self.line.split(' ').any(|it| it == part);
        assert!(found, "no {part}: {self:#?}");
        self
    }
}

/// In a child, records spans, prints the outcome and returns true. Otherwise does nothing.
pub fn child() -> bool {
    if own_process::role().is_none() {
        return false;
    }
    let guard = lianlu::pipeline_from_env().install().unwrap();
    let recording = record(&guard);
    // Until the parent has seen what it waits for.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let flushed = flush(&guard);
    let counts = guard.counts();
    let debug = format!("{:?}", guard.handle());
    let batch = part(&debug, "batch_size: ");
    let queue = part(&debug, "queue_size: ");
    let delay = part(&debug, "schedule_delay: ");
    println!(
        "outcome: started={} exported={} recording={recording} flushed={flushed} name={} batch={batch} \
         queue={queue} delay={delay}",
        counts.started,
        counts.exported,
        guard.service_name().unwrap_or_default(),
    );
    // Its drop would wait for a collector that never answers.
    std::mem::forget(guard);
    true
}

/// The outcome of a flush, as soon as it is known.
fn flush(guard: &lianlu::Guard) -> &'static str {
    // Shorter than any exporter's default, so that an ignored time-out is noticed.
    let end = Instant::now() + Duration::from_secs(8);
    loop {
        match guard.flush_timeout(Duration::from_millis(100)) {
            Ok(()) => return "true",
            Err(FlushError::Lost { .. }) => return "lost",
            Err(FlushError::Timeout {
                reason: Some(_), ..
            }) => return "retrying",
            Err(_) if Instant::now() > end => return "waiting",
            Err(_) => {}
        }
    }
}

fn part(debug: &str, key: &str) -> String {
    let (_, rest) = debug.split_once(key).unwrap();
    rest.split([',', ' ']).next().unwrap().to_owned()
}

/// Makes a span with three attributes, links and events. True if it was recorded.
fn record(guard: &lianlu::Guard) -> bool {
    let attributes = |name: &str| {
        (0..3)
            .map(|at| KeyValue::new(format!("{name}-{at}"), "链路追踪系统"))
            .collect::<Vec<_>>()
    };
    let links = (1..=3).map(|at| {
        let id = (TraceId::from(at), SpanId::from(1));
        let context = SpanContext::new(id.0, id.1, TraceFlags::SAMPLED, true, TraceState::NONE);
        Link::new(context, attributes(&format!("link{at}")), 0)
    });
    let tracer = guard.tracer_provider().tracer("test");
    let mut span = tracer
        .span_builder("test-span")
        .with_attributes(attributes("span"))
        .with_links(links.collect())
        .start(&tracer);
    // Without hex digits, as the program's name in the resource ends in some.
    let list = Value::Array(Array::String(vec!["stuvwxyz".into()]));
    span.set_attribute(KeyValue::new("span-list", list));
    for at in 0..3 {
        span.add_event(format!("event{at}"), attributes(&format!("event{at}")));
    }
    let recording = span.is_recording();
    span.end();
    recording
}

/// Runs this test in a child, with these environment variables and no others.
pub fn run(test: &str, variables: &[(&str, &str)]) -> Outcome {
    run_until(test, variables, || ()).0
}

/// As [`run`]; the child lives until `seen` returns.
pub fn run_until<T>(
    test: &str,
    variables: &[(&str, &str)],
    seen: impl FnOnce() -> T,
) -> (Outcome, T) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env_clear()
        .env(own_process::ROLE, "pipeline")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let seen = seen();
    drop(process.stdin.take());
    let output = process.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let Some((_, line)) = out.split_once("outcome: ") else {
        panic!("{variables:?}: {out}{errors}");
    };
    let outcome = Outcome {
        line: line.lines().next().unwrap().to_owned(),
        errors: errors.lines().map(str::to_owned).collect(),
        out,
    };
    (outcome, seen)
}

/// A received HTTP request.
#[derive(Debug)]
pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    /// True if the body contains this text; protobuf and JSON do not encode texts.
    pub fn has(&self, text: &str) -> bool {
        self.body
            .windows(text.len())
            .any(|it| it == text.as_bytes())
    }
}

/// Answers 200 to all requests, and keeps them.
pub struct Collector {
    pub url: String,
    requests: Receiver<Request>,
}

impl Collector {
    pub fn start() -> Self {
        Self::answering("{}")
    }

    /// Answers every request with `body`.
    pub fn answering(body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sent, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(request) = read(&mut stream.unwrap(), body) else {
                    continue;
                };
                if sent.send(request).is_err() {
                    return;
                }
            }
        });
        Self { url, requests }
    }

    /// Waits for the next request.
    #[track_caller]
    pub fn request(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).unwrap()
    }

    /// True if there is no further request.
    pub fn is_idle(&self) -> bool {
        self.requests.try_recv().is_err()
    }
}

fn read(stream: &mut TcpStream, answer: &str) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        let is_length = key.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let length = answer.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
    reader.into_inner().write_all(answer.as_bytes()).ok()?;
    Some(Request { head, body })
}
