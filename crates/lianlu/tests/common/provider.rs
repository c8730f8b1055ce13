//! The two tracer providers that every scenario runs over.
//!
//! The default is lianlu's own, to which the layers have direct access. With [`VARIABLE`] set to
//! `opentelemetry_sdk` it is that crate's, which the layers use through the API, as any other.

use opentelemetry::InstrumentationScope;
use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Chooses the provider: `lianlu` (the default) or `opentelemetry_sdk`.
pub const VARIABLE: &str = "LIANLU_TEST_PROVIDER";

/// The crate that a provider is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    Ours,
    Sdk,
}

impl ProviderKind {
    pub const BOTH: [Self; 2] = [Self::Ours, Self::Sdk];

    /// The flags of a new trace that is not sampled, after a span of this kind: the SDK's spans drop
    /// the flag of random ids.
    #[allow(dead_code)]
    pub fn unsampled_flags(self) -> &'static str {
        match self {
            Self::Ours => "02",
            Self::Sdk => "00",
        }
    }

    /// The kind that the environment asks for.
    pub fn from_env() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("" | "lianlu") => Self::Ours,
            Ok("opentelemetry_sdk") => Self::Sdk,
            Ok(other) => panic!("{VARIABLE}={other}: neither lianlu nor opentelemetry_sdk"),
        }
    }
}

/// A provider of either kind, not wrapped: layers recognize ours by its type.
#[derive(Debug, Clone)]
pub enum Provider {
    Ours(lianlu_sdk::TracerProvider),
    Sdk(SdkTracerProvider),
}

/// Evaluates an expression with the inner provider. [`Provider`] must be in scope.
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

    /// Sets the global provider.
    pub fn make_global(&self) {
        with_provider!(self, it => lianlu::set_tracer_provider(it.clone()));
    }
}
