//! The destination of the traces.

use std::fmt;

use lianlu::console::Tree;
use lianlu::otlp::Protocol;
use lianlu::{Guard, Pipeline, Resource, pipeline::PipelineError};

use super::announce::Announcer;

/// The destination on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    Console,
    Jaeger(String),
    Otlp { url: String, protocol: Protocol },
    Zipkin(String),
}

/// A pipeline cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("{flag}: {problem}, got {value:?}")]
    Flag {
        flag: &'static str,
        problem: String,
        value: String,
    },
    #[error(transparent)]
    Pipeline(PipelineError),
}

impl Destination {
    /// OTLP over HTTP, or over gRPC if the port ends in 4317.
    pub(crate) fn otlp(url: &str) -> Self {
        let uri = url.parse::<http::Uri>();
        let is_grpc = uri.is_ok_and(|uri| uri.port_u16().is_some_and(|port| port % 10_000 == 4317));
        Self::Otlp {
            url: url.to_owned(),
            protocol: if is_grpc {
                Protocol::Grpc
            } else {
                Protocol::HttpProtobuf
            },
        }
    }

    fn flag(&self) -> Option<&'static str> {
        match self {
            Self::Console => None,
            Self::Jaeger(_) => Some("--jaeger"),
            Self::Otlp { .. } => Some("--otlp"),
            Self::Zipkin(_) => Some("--zipkin"),
        }
    }
}

/// The URL without user and query, which may be secrets.
fn shown(url: &str) -> String {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return "***".to_owned();
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or_default();
    format!("{scheme}://{host}{}", uri.path())
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Console => write!(f, "finished traces are printed below, each as a tree"),
            Self::Jaeger(url) => {
                write!(f, "traces go to {} (Jaeger, thrift over HTTP)", shown(url))
            }
            Self::Otlp { url, protocol } => {
                let transport = match protocol {
                    Protocol::Grpc => "gRPC",
                    _ => "HTTP",
                };
                write!(f, "traces go to {} (OTLP over {transport})", shown(url))
            }
            Self::Zipkin(url) => write!(f, "traces go to {} (Zipkin)", shown(url)),
        }
    }
}

/// Makes the pipelines to one destination.
#[derive(Debug)]
pub(super) struct Pipelines {
    destination: Destination,
    /// Shared, so that one tree shows the spans of all services.
    tree: Tree,
}

impl Pipelines {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            tree: Tree::stdout(),
        }
    }

    pub(super) fn build(
        &self,
        resource: Resource,
        announcer: &Announcer,
    ) -> Result<Guard, SetupError> {
        let built = match &self.destination {
            Destination::Console => {
                let pipeline = lianlu::console::pipeline().with_tree(self.tree.clone());
                with_all(pipeline, resource, announcer).build()
            }
            Destination::Jaeger(url) => {
                let pipeline = lianlu::jaeger::pipeline().with_collector_endpoint(url);
                with_all(pipeline, resource, announcer).build()
            }
            Destination::Otlp { url, protocol } => {
                let pipeline = lianlu::otlp::pipeline()
                    .with_endpoint(url)
                    .with_protocol(*protocol);
                with_all(pipeline, resource, announcer).build()
            }
            Destination::Zipkin(url) => {
                let pipeline = lianlu::zipkin::pipeline().with_collector_endpoint(url);
                with_all(pipeline, resource, announcer).build()
            }
        };
        built.map_err(|error| self.explain(error))
    }

    /// Names the flag in place of the method. Errors of environment variables keep their names.
    fn explain(&self, error: PipelineError) -> SetupError {
        match (error, self.destination.flag()) {
            (PipelineError::Option(error), Some(flag)) if error.option.starts_with("with_") => {
                SetupError::Flag {
                    flag,
                    problem: error.problem,
                    value: error.value,
                }
            }
            (error, _) => SetupError::Pipeline(error),
        }
    }
}

fn with_all<E>(pipeline: Pipeline<E>, resource: Resource, announcer: &Announcer) -> Pipeline<E> {
    let announcer = announcer.clone();
    pipeline
        .with_resource(resource)
        .with_loss_listener(move |event| announcer.print(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announcement_has_no_secrets() {
        let url = "http://ann:s3cret@localhost:4318/v1/traces?key=s3cret";
        let shown = Destination::otlp(url).to_string();
        let wanted = "traces go to http://localhost:4318/v1/traces (OTLP over HTTP)";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn otlp_takes_its_protocol_from_the_url() {
        for (url, expected) in [
            ("http://localhost:4317", Protocol::Grpc),
            ("http://localhost:4317/", Protocol::Grpc),
            ("http://localhost:14317", Protocol::Grpc),
            ("http://localhost:4318", Protocol::HttpProtobuf),
            ("http://localhost:14318/v1/traces", Protocol::HttpProtobuf),
            ("not a url", Protocol::HttpProtobuf),
        ] {
            let Destination::Otlp { protocol, .. } = Destination::otlp(url) else {
                panic!("{url} is OTLP");
            };
            assert_eq!(protocol, expected, "{url}");
        }
    }
}
