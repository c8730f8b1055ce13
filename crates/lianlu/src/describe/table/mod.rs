//! The place of each attribute: spans and metrics are both written from this one table.
//!
//! A row is an attribute. It has a requirement for each of the two sides of HTTP and of gRPC, which
//! defines its level on the span and on the metrics, and its key in the old conventions. The code
//! that describes a call passes values to a [`SignalWriter`](super::signals::SignalWriter), which
//! reads the table; a change of the conventions is a change of a row.
//!
//! Current conventions: v1.44.0 of the [HTTP] and [gRPC] pages. Old ones: v1.20.0 for HTTP and
//! v1.37.0 for RPC, where the migration guides begin.
//!
//! [HTTP]: https://opentelemetry.io/docs/specs/semconv/http/
//! [gRPC]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/

mod requirement;
#[cfg(test)]
mod tests;

use lianlu_wire::otlp::StaticKey;
use lianlu_wire::otlp_key;

use super::keys::{self, old};
use super::opt_in::OptIn;
use super::surface::Surface;
use requirement::{NO, SPAN, asked};

pub(crate) use requirement::{Level, Requirement};

/// An attribute and its requirements.
#[derive(Debug)]
pub(crate) struct AttributeSpec {
    pub(crate) key: StaticKey,
    pub(crate) http_server: Requirement,
    pub(crate) http_client: Requirement,
    pub(crate) grpc_server: Requirement,
    pub(crate) grpc_client: Requirement,
}

impl AttributeSpec {
    pub(crate) const fn requirement(&self, surface: Surface) -> &Requirement {
        match surface {
            Surface::HttpServer => &self.http_server,
            Surface::HttpClient => &self.http_client,
            Surface::GrpcServer => &self.grpc_server,
            Surface::GrpcClient => &self.grpc_client,
        }
    }
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $key:expr; $http_server:expr, $http_client:expr, $grpc_server:expr, $grpc_client:expr;)*) => {
        $($(#[$doc])* pub(crate) static $name: AttributeSpec = AttributeSpec {
            key: otlp_key!($key),
            http_server: $http_server,
            http_client: $http_client,
            grpc_server: $grpc_server,
            grpc_client: $grpc_client,
        };)*

        /// All rows.
        #[cfg(test)]
        pub(crate) static SPECS: &[&AttributeSpec] = &[$(&$name),*];
    };
}

table! {
    // The call.
    HTTP_REQUEST_METHOD = keys::HTTP_REQUEST_METHOD;
        SPAN.metric().active(), SPAN.metric().active(), NO, NO;
    /// Includes unknown methods; in the old conventions only.
    HTTP_METHOD = old::HTTP_METHOD;
        NO.old(old::HTTP_METHOD).old_metric(), NO.old(old::HTTP_METHOD).old_metric(), NO, NO;
    HTTP_REQUEST_METHOD_ORIGINAL = keys::HTTP_REQUEST_METHOD_ORIGINAL;
        SPAN, SPAN, NO, NO;
    HTTP_ROUTE = keys::HTTP_ROUTE;
        SPAN.metric().old(keys::HTTP_ROUTE).old_metric(), NO, NO, NO;
    HTTP_REQUEST_RESEND_COUNT = keys::HTTP_REQUEST_RESEND_COUNT;
        NO, SPAN.old(old::HTTP_RESEND_COUNT), NO, NO;
    URL_FULL = keys::URL_FULL;
        NO, SPAN.old(old::HTTP_URL), NO, NO;
    URL_PATH = keys::URL_PATH;
        SPAN, NO, NO, NO;
    URL_QUERY = keys::URL_QUERY;
        SPAN, NO, NO, NO;
    /// Path and query, in the old conventions only.
    HTTP_TARGET = old::HTTP_TARGET;
        NO.old(old::HTTP_TARGET), NO, NO, NO;
    URL_SCHEME = keys::URL_SCHEME;
        SPAN.metric().active().old(old::HTTP_SCHEME).old_metric(),
        asked(OptIn::UrlScheme).metric_asked(OptIn::UrlScheme).active_asked(OptIn::UrlScheme),
        NO, NO;
    URL_TEMPLATE = keys::URL_TEMPLATE;
        NO, SPAN.metric_asked(OptIn::UrlTemplateOnMetrics).size().active(), NO, NO;
    RPC_SYSTEM_NAME = keys::RPC_SYSTEM_NAME;
        NO, NO,
        SPAN.metric().old(old::RPC_SYSTEM).old_metric(),
        SPAN.metric().old(old::RPC_SYSTEM).old_metric();
    /// The whole method: `package.Service/Method`.
    RPC_METHOD = keys::RPC_METHOD;
        NO, NO, SPAN.metric(), SPAN.metric();
    RPC_METHOD_ORIGINAL = keys::RPC_METHOD_ORIGINAL;
        NO, NO, SPAN, SPAN;
    /// The service alone, in the old conventions only.
    RPC_SERVICE = old::RPC_SERVICE;
        NO, NO,
        NO.old(old::RPC_SERVICE).old_metric(), NO.old(old::RPC_SERVICE).old_metric();
    /// The method without its service, in the old conventions only. Both conventions use this key;
    /// if both are enabled, it has the current value.
    OLD_RPC_METHOD = keys::RPC_METHOD;
        NO, NO,
        NO.old(keys::RPC_METHOD).old_metric(), NO.old(keys::RPC_METHOD).old_metric();

    // The peers.
    SERVER_ADDRESS = keys::SERVER_ADDRESS;
        SPAN.metric_asked(OptIn::ServerAddressOnMetrics).active_asked(OptIn::ServerAddressOnMetrics)
            .old(old::NET_HOST_NAME),
        SPAN.metric().active().old(old::NET_PEER_NAME).old_metric(),
        SPAN.metric_asked(OptIn::ServerAddressOnMetrics).old(keys::SERVER_ADDRESS),
        SPAN.metric().old(keys::SERVER_ADDRESS).old_metric();
    SERVER_PORT = keys::SERVER_PORT;
        SPAN.metric_asked(OptIn::ServerAddressOnMetrics).active_asked(OptIn::ServerAddressOnMetrics)
            .old(old::NET_HOST_PORT),
        SPAN.metric().active().old(old::NET_PEER_PORT).old_metric(),
        SPAN.metric_asked(OptIn::ServerAddressOnMetrics).old(keys::SERVER_PORT),
        SPAN.metric().old(keys::SERVER_PORT).old_metric();
    CLIENT_ADDRESS = keys::CLIENT_ADDRESS;
        SPAN, NO, NO, NO;
    /// Only as reported by proxies, in the old conventions only: the socket's peer has its own key.
    HTTP_CLIENT_IP = old::HTTP_CLIENT_IP;
        NO.old(old::HTTP_CLIENT_IP), NO, NO, NO;
    CLIENT_PORT = keys::CLIENT_PORT;
        asked(OptIn::ClientPort), NO, NO, NO;
    NETWORK_PEER_ADDRESS = keys::NETWORK_PEER_ADDRESS;
        SPAN.old(old::NET_SOCK_PEER_ADDR), SPAN.old(old::NET_SOCK_PEER_ADDR),
        SPAN.old(keys::NETWORK_PEER_ADDRESS), SPAN.old(keys::NETWORK_PEER_ADDRESS);
    NETWORK_PEER_PORT = keys::NETWORK_PEER_PORT;
        SPAN.old(old::NET_SOCK_PEER_PORT), SPAN.old(old::NET_SOCK_PEER_PORT),
        SPAN.old(keys::NETWORK_PEER_PORT), SPAN.old(keys::NETWORK_PEER_PORT);
    NETWORK_LOCAL_ADDRESS = keys::NETWORK_LOCAL_ADDRESS;
        asked(OptIn::NetworkLocal), NO, NO, NO;
    NETWORK_LOCAL_PORT = keys::NETWORK_LOCAL_PORT;
        asked(OptIn::NetworkLocal), NO, NO, NO;
    NETWORK_TRANSPORT = keys::NETWORK_TRANSPORT;
        asked(OptIn::NetworkTransport), asked(OptIn::NetworkTransport), NO, NO;
    NETWORK_PROTOCOL_VERSION = keys::NETWORK_PROTOCOL_VERSION;
        SPAN.metric().old(old::NET_PROTOCOL_VERSION).old_metric(),
        SPAN.metric().old(old::NET_PROTOCOL_VERSION).old_metric(),
        NO, NO;
    USER_AGENT_ORIGINAL = keys::USER_AGENT_ORIGINAL;
        SPAN.old(keys::USER_AGENT_ORIGINAL),
        asked(OptIn::UserAgent).old(keys::USER_AGENT_ORIGINAL),
        NO, NO;
    USER_AGENT_SYNTHETIC_TYPE = keys::USER_AGENT_SYNTHETIC_TYPE;
        asked(OptIn::SyntheticUserAgent).metric_asked(OptIn::SyntheticUserAgent),
        asked(OptIn::SyntheticUserAgent),
        NO, NO;
    SERVICE_PEER_NAME = keys::SERVICE_PEER_NAME;
        asked(OptIn::ServicePeerName), NO, asked(OptIn::ServicePeerName), NO;

    // The result.
    HTTP_RESPONSE_STATUS_CODE = keys::HTTP_RESPONSE_STATUS_CODE;
        SPAN.metric().old(old::HTTP_STATUS_CODE).old_metric(),
        SPAN.metric().old(old::HTTP_STATUS_CODE).old_metric(),
        NO, NO;
    RPC_RESPONSE_STATUS_CODE = keys::RPC_RESPONSE_STATUS_CODE;
        NO, NO, SPAN.metric(), SPAN.metric();
    /// The name of the status code after v1.44.0.
    RPC_STATUS_CODE = keys::RPC_STATUS_CODE;
        NO, NO, SPAN.metric(), SPAN.metric();
    /// The status code as a number, in the old conventions only.
    RPC_GRPC_STATUS_CODE = old::RPC_GRPC_STATUS_CODE;
        NO, NO,
        NO.old(old::RPC_GRPC_STATUS_CODE).old_metric(), NO.old(old::RPC_GRPC_STATUS_CODE).old_metric();
    ERROR_TYPE = keys::ERROR_TYPE;
        SPAN.metric(), SPAN.metric(), SPAN.metric(), SPAN.metric();
    HTTP_REQUEST_BODY_SIZE = keys::HTTP_REQUEST_BODY_SIZE;
        asked(OptIn::BodySize).old(old::HTTP_REQUEST_CONTENT_LENGTH),
        asked(OptIn::BodySize).old(old::HTTP_REQUEST_CONTENT_LENGTH),
        NO, NO;
    HTTP_RESPONSE_BODY_SIZE = keys::HTTP_RESPONSE_BODY_SIZE;
        asked(OptIn::BodySize).old(old::HTTP_RESPONSE_CONTENT_LENGTH),
        asked(OptIn::BodySize).old(old::HTTP_RESPONSE_CONTENT_LENGTH),
        NO, NO;

    // lianlu's own attributes, in all conventions.
    LIANLU_CANCELLED = keys::LIANLU_CANCELLED;
        SPAN.old(keys::LIANLU_CANCELLED), SPAN.old(keys::LIANLU_CANCELLED),
        SPAN.old(keys::LIANLU_CANCELLED), SPAN.old(keys::LIANLU_CANCELLED);
    LIANLU_STREAM_SLICE = keys::LIANLU_STREAM_SLICE;
        SPAN.old(keys::LIANLU_STREAM_SLICE), SPAN.old(keys::LIANLU_STREAM_SLICE),
        SPAN.old(keys::LIANLU_STREAM_SLICE), SPAN.old(keys::LIANLU_STREAM_SLICE);
    LIANLU_REQUEST_MESSAGES = keys::LIANLU_REQUEST_MESSAGES;
        NO, NO, SPAN.old(keys::LIANLU_REQUEST_MESSAGES), SPAN.old(keys::LIANLU_REQUEST_MESSAGES);
    LIANLU_REQUEST_BYTES = keys::LIANLU_REQUEST_BYTES;
        NO, NO, SPAN.old(keys::LIANLU_REQUEST_BYTES), SPAN.old(keys::LIANLU_REQUEST_BYTES);
    LIANLU_RESPONSE_MESSAGES = keys::LIANLU_RESPONSE_MESSAGES;
        NO, NO, SPAN.old(keys::LIANLU_RESPONSE_MESSAGES), SPAN.old(keys::LIANLU_RESPONSE_MESSAGES);
    LIANLU_RESPONSE_BYTES = keys::LIANLU_RESPONSE_BYTES;
        NO, NO, SPAN.old(keys::LIANLU_RESPONSE_BYTES), SPAN.old(keys::LIANLU_RESPONSE_BYTES);
}
