//! Every attribute key that the layers write.

pub(crate) use opentelemetry_semantic_conventions::attribute::{
    CLIENT_ADDRESS, CLIENT_PORT, ERROR_TYPE, HTTP_REQUEST_BODY_SIZE, HTTP_REQUEST_METHOD,
    HTTP_REQUEST_METHOD_ORIGINAL, HTTP_REQUEST_RESEND_COUNT, HTTP_RESPONSE_BODY_SIZE,
    HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, NETWORK_LOCAL_ADDRESS, NETWORK_LOCAL_PORT,
    NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT, NETWORK_PROTOCOL_VERSION, NETWORK_TRANSPORT,
    RPC_METHOD, RPC_METHOD_ORIGINAL, RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME, SERVER_ADDRESS,
    SERVER_PORT, SERVICE_PEER_NAME, URL_FULL, URL_PATH, URL_QUERY, URL_SCHEME, URL_TEMPLATE,
    USER_AGENT_ORIGINAL, USER_AGENT_SYNTHETIC_TYPE,
};

/// The name of `rpc.response.status_code` after v1.44.0 of the conventions.
pub(crate) const RPC_STATUS_CODE: &str = "rpc.status_code";

/// The prefix of a captured header's key.
pub(crate) const HTTP_REQUEST_HEADER: &str = "http.request.header.";
pub(crate) const HTTP_RESPONSE_HEADER: &str = "http.response.header.";
pub(crate) const RPC_REQUEST_METADATA: &str = "rpc.request.metadata.";
pub(crate) const RPC_RESPONSE_METADATA: &str = "rpc.response.metadata.";

/// `true` on a span whose future or body was dropped before the call had ended.
pub(crate) const LIANLU_CANCELLED: &str = "lianlu.cancelled";
/// The number of a slice on the spans of a sliced stream, from 0.
pub(crate) const LIANLU_STREAM_SLICE: &str = "lianlu.stream.slice";
/// Messages of a gRPC call towards the server.
pub(crate) const LIANLU_REQUEST_MESSAGES: &str = "lianlu.rpc.request.messages";
/// The bytes of those messages, as framed: compressed if the call is, without the frame headers.
pub(crate) const LIANLU_REQUEST_BYTES: &str = "lianlu.rpc.request.bytes";
/// Messages of a gRPC call towards the client.
pub(crate) const LIANLU_RESPONSE_MESSAGES: &str = "lianlu.rpc.response.messages";
/// The bytes of those messages, as framed.
pub(crate) const LIANLU_RESPONSE_BYTES: &str = "lianlu.rpc.response.bytes";

/// The beginning of a body, if it is enabled.
pub(crate) const HTTP_REQUEST_BODY_CONTENT: &str = "http.request.body.content";
pub(crate) const HTTP_RESPONSE_BODY_CONTENT: &str = "http.response.body.content";

/// Keys of gRPC message events, which the conventions have dropped without a replacement.
pub(crate) mod message {
    pub(crate) const EVENT: &str = "rpc.message";
    pub(crate) const TYPE: &str = "rpc.message.type";
    pub(crate) const ID: &str = "rpc.message.id";
    pub(crate) const COMPRESSED_SIZE: &str = "rpc.message.compressed_size";
}

/// Keys of exception events and logs.
pub(crate) mod exception {
    pub(crate) use opentelemetry_semantic_conventions::attribute::{
        EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE,
    };

    pub(crate) const EVENT: &str = "exception";
}

/// The keys of the conventions before they became stable. The registry marks them deprecated.
pub(crate) mod old {
    pub(crate) const HTTP_CLIENT_IP: &str = "http.client_ip";
    pub(crate) const HTTP_METHOD: &str = "http.method";
    pub(crate) const HTTP_REQUEST_CONTENT_LENGTH: &str = "http.request_content_length";
    pub(crate) const HTTP_RESEND_COUNT: &str = "http.resend_count";
    pub(crate) const HTTP_RESPONSE_CONTENT_LENGTH: &str = "http.response_content_length";
    pub(crate) const HTTP_SCHEME: &str = "http.scheme";
    pub(crate) const HTTP_STATUS_CODE: &str = "http.status_code";
    pub(crate) const HTTP_TARGET: &str = "http.target";
    pub(crate) const HTTP_URL: &str = "http.url";
    pub(crate) const NET_HOST_NAME: &str = "net.host.name";
    pub(crate) const NET_HOST_PORT: &str = "net.host.port";
    pub(crate) const NET_PEER_NAME: &str = "net.peer.name";
    pub(crate) const NET_PEER_PORT: &str = "net.peer.port";
    pub(crate) const NET_PROTOCOL_VERSION: &str = "net.protocol.version";
    pub(crate) const NET_SOCK_PEER_ADDR: &str = "net.sock.peer.addr";
    pub(crate) const NET_SOCK_PEER_PORT: &str = "net.sock.peer.port";
    pub(crate) const RPC_GRPC_REQUEST_METADATA: &str = "rpc.grpc.request.metadata.";
    pub(crate) const RPC_GRPC_RESPONSE_METADATA: &str = "rpc.grpc.response.metadata.";
    pub(crate) const RPC_GRPC_STATUS_CODE: &str = "rpc.grpc.status_code";
    pub(crate) const RPC_SERVICE: &str = "rpc.service";
    pub(crate) const RPC_SYSTEM: &str = "rpc.system";
}

/// The keys of Kratos: OpenTelemetry's conventions as of 1.4.0, and its own.
pub(crate) mod kratos {
    pub(crate) const HTTP_METHOD: &str = "http.method";
    pub(crate) const HTTP_ROUTE: &str = "http.route";
    pub(crate) const HTTP_TARGET: &str = "http.target";
    pub(crate) const NET_PEER_IP: &str = "net.peer.ip";
    pub(crate) const NET_PEER_PORT: &str = "net.peer.port";
    pub(crate) const PEER_SERVICE: &str = "peer.service";
    pub(crate) const RECV_MSG_SIZE: &str = "recv_msg.size";
    pub(crate) const RPC_METHOD: &str = "rpc.method";
    pub(crate) const RPC_OPERATION: &str = "rpc.operation";
    pub(crate) const RPC_SERVICE: &str = "rpc.service";
    pub(crate) const RPC_STATUS_CODE: &str = "rpc.status_code";
    pub(crate) const RPC_SYSTEM: &str = "rpc.system";
    pub(crate) const SEND_MSG_SIZE: &str = "send_msg.size";
}
