//! The settings that affect the description of a call.

use std::collections::HashSet;
use std::sync::Arc;

use super::hosts::KnownHosts;
use super::methods::GrpcMethods;
use super::opt_in::OptIns;
use super::stability::Generation;
use super::surface::{Dialect, Protocol};
use crate::net::capture::HeaderCapture;
use crate::net::redact::Redaction;

/// The key of a gRPC call's status code in the current conventions. With
/// [`Generation::Both`] the status is under both keys.
///
/// Kratos writes an **integer** under `rpc.status_code`. A store with typed columns, such as
/// Elasticsearch or Parquet, has both types in one column if services of both kinds write to it.
/// `schema_url` says which conventions are followed: 1.44.0, or 1.45.0 with the new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RpcStatusKey {
    /// `rpc.response.status_code`, as released up to v1.44.0.
    #[default]
    ResponseStatusCode,
    /// `rpc.status_code`, the name after v1.44.0.
    StatusCode,
}

impl RpcStatusKey {
    /// The schema that has this key.
    pub(crate) fn schema_url(self) -> &'static str {
        match self {
            Self::ResponseStatusCode => SCHEMA_URL,
            Self::StatusCode => "https://opentelemetry.io/schemas/1.45.0",
        }
    }
}

/// The version of the semantic conventions that spans and metrics follow.
pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// The settings that affect the description of a call.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) dialect: Dialect,
    /// `None`: the environment decides.
    pub(crate) http: Option<Generation>,
    pub(crate) rpc: Option<Generation>,
    pub(crate) rpc_status_key: RpcStatusKey,
    pub(crate) opt_ins: OptIns,
    /// `None`: the list of the environment, or of the conventions.
    pub(crate) http_methods: Option<Arc<HashSet<String>>>,
    pub(crate) grpc_methods: Arc<GrpcMethods>,
    pub(crate) hosts: Arc<KnownHosts>,
    pub(crate) redaction: Redaction,
    /// True if the server terminates TLS itself.
    pub(crate) https: bool,
    pub(crate) request_headers: HeaderCapture,
    pub(crate) response_headers: HeaderCapture,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialect: Dialect::OpenTelemetry,
            http: None,
            rpc: None,
            rpc_status_key: RpcStatusKey::default(),
            opt_ins: OptIns::default(),
            http_methods: None,
            grpc_methods: Arc::default(),
            hosts: Arc::default(),
            redaction: Redaction::default(),
            https: false,
            request_headers: HeaderCapture::default(),
            response_headers: HeaderCapture::default(),
        }
    }
}

impl Settings {
    pub(crate) fn generation(&self, protocol: Protocol) -> Generation {
        let configured = match protocol {
            Protocol::Http => self.http,
            Protocol::Grpc => self.rpc,
        };
        configured.unwrap_or_else(|| Generation::from_env(protocol))
    }
}
