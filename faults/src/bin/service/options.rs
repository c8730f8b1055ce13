//! The child's options: arguments of the form `name=value`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lianlu_sdk::otlp::Protocol;
use lianlu_sdk::{Durability, FlightRecorder, Limits, WhenFull};

/// All options.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The collector.
    pub(crate) endpoint: String,
    /// `http` or `grpc`.
    pub(crate) protocol: Protocol,
    /// The trusted certificate authority, as PEM.
    pub(crate) authority: Option<String>,
    /// Timeout of one export attempt.
    pub(crate) timeout: Duration,
    pub(crate) recorder: Option<FlightRecorder>,
    pub(crate) limits: Limits,
    /// The number of this life of the service: the high bits of its spans' ids.
    pub(crate) life: i64,
    /// The exporter's misbehaviour, see `exporters.rs`.
    pub(crate) exporter: String,
    /// A second destination, and its exporter's misbehaviour.
    pub(crate) second_endpoint: Option<String>,
    pub(crate) second_exporter: String,
    /// True if the pipeline's listener and sampler use the pipeline themselves, see `callbacks.rs`.
    pub(crate) calls_back: bool,
    /// The runtime that the pipeline is built in, see `within.rs`; it is dropped at once.
    pub(crate) made_in: String,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut limits = Limits::default();
        // Short, so that tests are.
        limits.schedule_delay = Duration::from_millis(20);
        limits.retry_initial = Duration::from_millis(20);
        limits.retry_max = Duration::from_millis(200);
        let mut new = Self {
            endpoint: String::new(),
            protocol: Protocol::HttpProtobuf,
            authority: None,
            // No attempt times out unless a test wants it.
            timeout: Duration::from_secs(3600),
            recorder: None,
            limits,
            life: 1,
            exporter: String::new(),
            second_endpoint: None,
            second_exporter: String::new(),
            calls_back: false,
            made_in: String::new(),
        };
        let arguments: Vec<_> = arguments.collect();
        for argument in &arguments {
            let (name, value) = argument.split_once('=').expect(argument);
            new.set(name, value);
        }
        new
    }

    fn set(&mut self, name: &str, value: &str) {
        let limits = &mut self.limits;
        match name {
            "endpoint" => value.clone_into(&mut self.endpoint),
            "protocol" if value == "http" => self.protocol = Protocol::HttpProtobuf,
            "protocol" if value == "grpc" => self.protocol = Protocol::Grpc,
            "authority" => self.authority = Some(value.to_owned()),
            "timeout-ms" => self.timeout = millis(value),
            "dir" => self.recorder = Some(FlightRecorder::new(PathBuf::from(value))),
            "durability" => self.record(|it| {
                it.with_durability(match value {
                    "memory" => Durability::Memory,
                    "crash" => Durability::ProcessCrash,
                    "power" => Durability::PowerLoss,
                    _ => panic!("{value}"),
                })
            }),
            "max-bytes" => self.record(|it| it.with_max_bytes(number(value))),
            "when-full" => self.record(|it| {
                it.when_full(match value {
                    "newest" => WhenFull::DropNewest,
                    "oldest" => WhenFull::DropOldest,
                    _ => panic!("{value}"),
                })
            }),
            "queue-size" => limits.queue_size = number(value),
            "queue-bytes" => limits.queue_bytes = number(value),
            "batch-size" => limits.batch_size = number(value),
            "delay-ms" => limits.schedule_delay = millis(value),
            "retry-ms" => limits.retry_initial = millis(value),
            "retry-max-ms" => limits.retry_max = millis(value),
            "life" => self.life = number(value),
            "second-endpoint" => self.second_endpoint = Some(value.to_owned()),
            "second-exporter" => value.clone_into(&mut self.second_exporter),
            "exporter" => value.clone_into(&mut self.exporter),
            "calls-back" => self.calls_back = number(value),
            "made-in" => value.clone_into(&mut self.made_in),
            _ => panic!("{name}={value}"),
        }
    }

    /// Changes the recorder, which the option `dir` has to have set before.
    fn record(&mut self, change: impl FnOnce(FlightRecorder) -> FlightRecorder) {
        self.recorder = self.recorder.take().map(change);
    }
}

fn number<T: FromStr>(value: &str) -> T {
    value.parse().ok().expect(value)
}

fn millis(value: &str) -> Duration {
    Duration::from_millis(number(value))
}
