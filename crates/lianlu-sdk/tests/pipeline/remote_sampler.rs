//! A collector's strategy is followed; one that answers badly, or not at all, changes nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lianlu_sdk::PipelineEvent;
use lianlu_sdk::sampling::{JaegerRemote, RemoteSampler};
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

/// Only a hang gets there.
const PATIENCE: Duration = Duration::from_secs(30);

const ALL: &str = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}"#;
const NONE: &str = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0}}"#;

type Answer = Box<dyn FnOnce(&mut TcpStream) + Send>;

/// Answers each question when it is told how, and not before.
struct Collector {
    url: String,
    answers: Option<Sender<Answer>>,
    questions: Receiver<String>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answers, next) = channel::<Answer>();
        let (asked, questions) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(question) = question(&mut stream) else {
                    continue;
                };
                if asked.send(question).is_err() {
                    return;
                }
                let Ok(answer) = next.recv() else { return };
                answer(&mut stream);
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
        let (heard, notices) = channel();
        let sampler = JaegerRemote::new(url)
            .with_poll_interval(Duration::from_millis(10))
            .with_initial_sampler(Sampler::AlwaysOff)
            .start_with("my shop", move |notice| {
                let _ = heard.send(notice.clone());
            })
            .unwrap();
        (sampler, notices)
    }

    /// Waits for a question. All earlier answers have had their effect by then.
    fn question(&self) -> String {
        self.questions.recv_timeout(PATIENCE).unwrap()
    }

    fn say(&self, answer: impl FnOnce(&mut TcpStream) + Send + 'static) {
        self.answers
            .as_ref()
            .unwrap()
            .send(Box::new(answer))
            .unwrap();
    }

    /// Answers the question that waits, and waits for the next.
    fn answer(&self, answer: impl FnOnce(&mut TcpStream) + Send + 'static) {
        self.say(answer);
        let _ = self.question();
    }

    fn tell(&self, body: &'static str) {
        self.answer(ok(body));
    }
}

fn question(stream: &mut TcpStream) -> Option<String> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
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
    let (_sampler, notices) = collector.sampler_at(&url);
    let question = collector.question().to_ascii_lowercase();
    assert!(
        question.contains("\r\nauthorization: basic yw5uqhnob3a6cebzcw==\r\n"),
        "{question}"
    );
    collector.answer(with_status("503 Not Now", ""));
    let Ok(PipelineEvent::SamplingFailing { reason }) = notices.recv_timeout(PATIENCE) else {
        panic!("not said");
    };
    assert!(!reason.contains("ss@"), "{reason}");
}

#[test]
fn each_strategy_is_followed() {
    let collector = Collector::start();
    let (sampler, notices) = collector.sampler();
    let question = collector.question();
    assert!(
        question.starts_with("GET /sampling?service=my%20shop HTTP/1.1\r\n"),
        "{question}"
    );
    // The question is not answered yet, and nobody waits for that.
    assert!(!samples(&sampler, "a"), "the initial sampler decides");
    collector.tell(ALL);
    assert!(samples(&sampler, "a"));
    collector.tell(NONE);
    assert!(!samples(&sampler, "a"));
    collector.tell(
        r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":1}}"#,
    );
    assert!(samples(&sampler, "a"));
    collector.tell(
        r#"{"operationSampling":{"defaultSamplingProbability":0,"perOperationStrategies":[
        {"operation":"a","probabilisticSampling":{"samplingRate":1}}]}}"#,
    );
    assert!(samples(&sampler, "a"));
    assert!(!samples(&sampler, "b"));
    assert!(notices.try_recv().is_err());
}

#[test]
fn bad_answers_change_nothing_and_are_said_once() {
    let collector = Collector::start();
    let (sampler, notices) = collector.sampler();
    let _ = collector.question();
    collector.tell(ALL);
    let failing = |expected: &str| {
        let PipelineEvent::SamplingFailing { reason } = notices.recv_timeout(PATIENCE).unwrap()
        else {
            panic!("another notice");
        };
        assert!(reason.contains(expected), "{reason}");
    };
    let still = |collector: &Collector| {
        assert!(samples(&sampler, "a"));
        collector.tell(ALL);
        let recovered = notices.recv_timeout(PATIENCE).unwrap();
        assert_eq!(recovered, PipelineEvent::SamplingRecovered);
    };
    collector.tell("<html>");
    failing("no sampling strategy");
    collector.tell("{}");
    collector.tell("");
    collector.answer(with_status("500 Internal Server Error", NONE));
    assert!(notices.try_recv().is_err(), "said once");
    still(&collector);

    collector.answer(with_status("404 Not Found", NONE));
    failing("answered 404");
    still(&collector);

    collector.answer(|_| {});
    failing("");
    still(&collector);

    // A strategy behind two megabytes of nothing, of which one is read.
    collector.answer(|stream| {
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

    // Without an end.
    collector.answer(|stream| {
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
fn the_thread_ends_with_the_last_copy_or_when_told() {
    for told in [true, false] {
        let collector = Collector::start();
        let (sampler, notices) = collector.sampler();
        let copy = sampler.clone();
        let _ = collector.question();
        drop(sampler);
        collector.tell(ALL);
        assert!(samples(&copy, "a"), "a copy keeps it going");
        if told {
            copy.stop();
        } else {
            drop(copy);
        }
        collector.say(ok(ALL));
        // The thread holds the other end.
        while notices.recv_timeout(PATIENCE) != Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
        {
        }
    }
}
