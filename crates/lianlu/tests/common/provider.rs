//! The two providers that every scenario runs over.
//!
//! By default that is lianlu's own, which the layers reach by a shorter way; where the variable [`VARIABLE`] says
//! `opentelemetry_sdk` it is that crate's, which they reach through the API as they would any other.

use opentelemetry::InstrumentationScope;
use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Says which provider the scenarios run over: `lianlu`, which is the default, or `opentelemetry_sdk`.
pub const VARIABLE: &str = "LIANLU_TEST_PROVIDER";

/// Whose provider it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Sdk,
}

impl Whose {
    pub const BOTH: [Self; 2] = [Self::Ours, Self::Sdk];

    /// The one that this run is for.
    pub fn of_this_run() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("" | "lianlu") => Self::Ours,
            Ok("opentelemetry_sdk") => Self::Sdk,
            Ok(other) => panic!("{VARIABLE}={other}: neither lianlu nor opentelemetry_sdk"),
        }
    }
}

/// One of them. Layers know ours by its type, so nothing is wrapped around it.
#[derive(Debug, Clone)]
pub enum Provider {
    Ours(lianlu_sdk::TracerProvider),
    Sdk(SdkTracerProvider),
}

/// Does something with the provider that there is, as it is. [`Provider`] has to be in scope.
macro_rules! with_provider {
    ($provider:expr, $it:ident => $call:expr) => {
        match $provider {
            Provider::Ours($it) => $call,
            Provider::Sdk($it) => $call,
        }
    };
}
pub(crate) use with_provider;

impl Provider {
    pub fn server(&self) -> lianlu::ServerLayer {
        with_provider!(self, it => lianlu::server().with_tracer_provider(it.clone()))
    }

    pub fn client(&self) -> lianlu::ClientLayer {
        with_provider!(self, it => lianlu::client().with_tracer_provider(it.clone()))
    }

    pub fn tracer(&self, scope: InstrumentationScope) -> BoxedTracer {
        BoxedTracer::new(with_provider!(self, it => it.boxed_tracer(scope)))
    }

    /// Makes it the process's own.
    pub fn make_global(&self) {
        with_provider!(self, it => lianlu::set_tracer_provider(it.clone()));
    }
}
