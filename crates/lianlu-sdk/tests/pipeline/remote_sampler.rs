//! The collector's strategy is applied; invalid or missing responses change nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lianlu_sdk::PipelineEvent;
use lianlu_sdk::sampling::{JaegerRemote, RemoteSampler};
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};
use prost::Message as _;

use crate::common::http2;

/// Only reached if something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

const ALL: &str = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}"#;
const NONE: &str = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0}}"#;

type Response = Box<dyn FnOnce(&mut TcpStream) + Send>;

/// Answers each request when the test says how.
struct Collector {
    url: String,
    answers: Option<Sender<Response>>,
    questions: Receiver<String>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answers, next) = channel::<Response>();
        let (asked, questions) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = request(&mut stream) else {
                    continue;
                };
                if asked.send(request).is_err() {
                    return;
                }
                let Ok(response) = next.recv() else { return };
                response(&mut stream);
            }
        });
        Self {
            url,
            answers: Some(answers),
            questions,
        }
    }

    fn sampler(&self) -> (RemoteSampler, Receiver<PipelineEvent>) {
        self.sampler_at(&self.url)
    }

    fn sampler_at(&self, url: &str) -> (RemoteSampler, Receiver<PipelineEvent>) {
        let (sender, events) = channel();
        let sampler = JaegerRemote::new(url)
            .with_poll_interval(Duration::from_millis(10))
            .with_initial_sampler(Sampler::AlwaysOff)
            .start_with("my shop", move |event| {
                let _ = sender.send(event.clone());
            })
            .unwrap();
        (sampler, events)
    }

    /// Waits for a request. All earlier responses have taken effect by then.
    fn request(&self) -> String {
        self.questions.recv_timeout(PATIENCE).unwrap()
    }

    fn send_response(&self, response: impl FnOnce(&mut TcpStream) + Send + 'static) {
        self.answers
            .as_ref()
            .unwrap()
            .send(Box::new(response))
            .unwrap();
    }

    /// Responds to the waiting request, and waits for the next.
    fn respond(&self, response: impl FnOnce(&mut TcpStream) + Send + 'static) {
        self.send_response(response);
        let _ = self.request();
    }

    fn respond_with(&self, body: &'static str) {
        self.respond(ok(body));
    }
}

fn request(stream: &mut TcpStream) -> Option<String> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    // Not the question whether this is a gRPC port.
    head.starts_with("GET ").then_some(head)
}

fn ok(body: &'static str) -> impl FnOnce(&mut TcpStream) + Send + 'static {
    with_status("200 OK", body)
}

fn with_status(
    status: &'static str,
    body: &'static str,
) -> impl FnOnce(&mut TcpStream) + Send + 'static {
    move |stream| {
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }
}

fn samples(sampler: &RemoteSampler, name: &str) -> bool {
    let id = TraceId::from(u128::MAX / 3);
    let result = sampler.should_sample(None, id, name, &SpanKind::Server, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

#[test]
fn a_user_in_the_url_is_sent() {
    let collector = Collector::start();
    let url = collector
        .url
        .replace("http://", "http://ann%40shop:p%40ss@");
    let (_sampler, events) = collector.sampler_at(&url);
    let request = collector.request().to_ascii_lowercase();
    assert!(
        request.contains("\r\nauthorization: basic yw5uqhnob3a6cebzcw==\r\n"),
        "{request}"
    );
    collector.respond(with_status("503 Not Now", ""));
    let Ok(PipelineEvent::SamplingFailing { reason }) = events.recv_timeout(PATIENCE) else {
        panic!("not said");
    };
    assert!(!reason.contains("ss@"), "{reason}");
}

#[test]
fn every_kind_of_strategy_is_applied() {
    let collector = Collector::start();
    let (sampler, events) = collector.sampler();
    let request = collector.request();
    assert!(
        request.starts_with("GET /sampling?service=my%20shop HTTP/1.1\r\n"),
        "{request}"
    );
    // The request has not been answered yet, and sampling does not wait for it.
    assert!(!samples(&sampler, "a"), "the initial sampler decides");
    collector.respond_with(ALL);
    assert!(samples(&sampler, "a"));
    collector.respond_with(NONE);
    assert!(!samples(&sampler, "a"));
    collector.respond_with(
        r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":1}}"#,
    );
    assert!(samples(&sampler, "a"));
    collector.respond_with(
        r#"{"operationSampling":{"defaultSamplingProbability":0,"perOperationStrategies":[
        {"operation":"a","probabilisticSampling":{"samplingRate":1}}]}}"#,
    );
    assert!(samples(&sampler, "a"));
    assert!(!samples(&sampler, "b"));
    assert!(events.try_recv().is_err());
}

/// The messages of Jaeger's `api_v2/sampling.proto`.
mod api_v2 {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Parameters {
        #[prost(string, tag = "1")]
        pub service_name: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Response {
        #[prost(int32, tag = "1")]
        pub kind: i32,
        #[prost(message, optional, tag = "2")]
        pub probabilistic: Option<Probabilistic>,
        #[prost(message, optional, tag = "3")]
        pub rate_limiting: Option<RateLimiting>,
        #[prost(message, optional, tag = "4")]
        pub operations: Option<Operations>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Probabilistic {
        #[prost(double, tag = "1")]
        pub rate: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct RateLimiting {
        #[prost(int32, tag = "1")]
        pub per_second: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Operations {
        #[prost(double, tag = "1")]
        pub default: f64,
        #[prost(double, tag = "2")]
        pub at_least: f64,
        #[prost(message, repeated, tag = "3")]
        pub each: Vec<Operation>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Operation {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(message, optional, tag = "2")]
        pub probabilistic: Option<Probabilistic>,
    }
}

#[test]
fn strategies_over_grpc() {
    use api_v2::{Operation, Operations, Parameters, Probabilistic, RateLimiting, Response};

    let (asked, questions) = channel();
    let (answers, next) = channel::<Response>();
    let address = http2::server_of(move |path, body, mut respond| {
        let service = Parameters::decode(&body[5..]).unwrap().service_name;
        let _ = asked.send(format!("{path} {service}"));
        let Ok(answer) = next.recv() else { return };
        let mut stream = respond.send_response(http2::head(), false).unwrap();
        let message = http2::message(0, &answer.encode_to_vec());
        stream.send_data(message, false).unwrap();
        let status = http2::headers(&[("grpc-status", b"0")]);
        stream.send_trailers(status).unwrap();
    });
    let ratio = |rate| Some(Probabilistic { rate });
    let (sender, events) = channel();
    let sampler = JaegerRemote::new(format!("http://{address}"))
        .with_poll_interval(Duration::from_millis(10))
        .with_initial_sampler(Sampler::AlwaysOff)
        .start_with("my shop", move |event| {
            let _ = sender.send(event.clone());
        })
        .unwrap();
    let question = questions.recv_timeout(PATIENCE).unwrap();
    let method = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";
    assert_eq!(question, format!("{method} my shop"));
    let operation = |name: &str, rate| Operation {
        name: name.to_owned(),
        probabilistic: ratio(rate),
    };
    let operations = Operations {
        default: 0.0,
        at_least: 0.0,
        each: vec![operation("a", 1.0), operation("c", 0.0)],
    };
    for (answer, sampled) in [
        (
            Response {
                probabilistic: ratio(1.0),
                ..Response::default()
            },
            [true, true],
        ),
        (
            Response {
                probabilistic: ratio(0.0),
                ..Response::default()
            },
            [false, false],
        ),
        (
            Response {
                rate_limiting: Some(RateLimiting { per_second: 9 }),
                kind: 1,
                ..Response::default()
            },
            [true, true],
        ),
        (
            Response {
                operations: Some(operations),
                probabilistic: ratio(1.0),
                kind: 0,
                ..Response::default()
            },
            [true, false],
        ),
    ] {
        answers.send(answer).unwrap();
        questions.recv_timeout(PATIENCE).unwrap();
        assert_eq!([samples(&sampler, "a"), samples(&sampler, "b")], sampled);
    }
    answers.send(Response::default()).unwrap();
    let Ok(PipelineEvent::SamplingFailing { reason }) = events.recv_timeout(PATIENCE) else {
        panic!("not said");
    };
    assert!(reason.ends_with("an answer without a strategy"), "{reason}");
}

#[test]
fn invalid_responses_change_nothing_and_are_reported_once() {
    let collector = Collector::start();
    let (sampler, events) = collector.sampler();
    let _ = collector.request();
    collector.respond_with(ALL);
    let failing = |expected: &str| {
        let PipelineEvent::SamplingFailing { reason } = events.recv_timeout(PATIENCE).unwrap()
        else {
            panic!("another event");
        };
        assert!(reason.contains(expected), "{reason}");
    };
    let still = |collector: &Collector| {
        assert!(samples(&sampler, "a"));
        collector.respond_with(ALL);
        let recovered = events.recv_timeout(PATIENCE).unwrap();
        assert_eq!(recovered, PipelineEvent::SamplingRecovered);
    };
    collector.respond_with("<html>");
    failing("no sampling strategy");
    collector.respond_with("{}");
    collector.respond_with("");
    collector.respond(with_status("500 Internal Server Error", NONE));
    assert!(events.try_recv().is_err(), "said once");
    still(&collector);

    collector.respond(with_status("404 Not Found", NONE));
    failing("answered 404");
    still(&collector);

    collector.respond(|_| {});
    failing("");
    still(&collector);

    // A strategy after two megabytes of white space, of which one is read.
    collector.respond(|stream| {
        let length = 2_097_152 + NONE.len();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
        );
        let _ = stream.write_all(&vec![b' '; 2_097_152]);
        let _ = stream.write_all(NONE.as_bytes());
    });
    failing("");
    still(&collector);

    // An endless response.
    collector.respond(|stream| {
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        while stream.write_all(b"8\r\n        \r\n").is_ok() {}
    });
    failing("");
    still(&collector);
}

#[test]
fn the_thread_ends_with_the_last_clone_or_at_shutdown() {
    for is_shut_down in [true, false] {
        let collector = Collector::start();
        let (sampler, events) = collector.sampler();
        let copy = sampler.clone();
        let _ = collector.request();
        drop(sampler);
        collector.respond_with(ALL);
        assert!(samples(&copy, "a"), "a copy keeps it going");
        if is_shut_down {
            copy.stop();
        } else {
            drop(copy);
        }
        collector.send_response(ok(ALL));
        // The thread holds the other end of the channel.
        while events.recv_timeout(PATIENCE) != Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
        {
        }
    }
}
