//! Every attribute key that the layers write.

pub(crate) use opentelemetry_semantic_conventions::attribute::{
    CLIENT_ADDRESS, ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_REQUEST_METHOD_ORIGINAL,
    HTTP_REQUEST_RESEND_COUNT, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, NETWORK_PEER_ADDRESS,
    NETWORK_PEER_PORT, NETWORK_PROTOCOL_VERSION, RPC_METHOD, RPC_METHOD_ORIGINAL,
    RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME, SERVER_ADDRESS, SERVER_PORT, SERVICE_PEER_NAME,
    URL_FULL, URL_PATH, URL_QUERY, URL_SCHEME, URL_TEMPLATE, USER_AGENT_ORIGINAL,
};

/// `true` on a span whose future or body was dropped before the call had ended.
pub(crate) const LIANLU_CANCELLED: &str = "lianlu.cancelled";
/// Messages of a gRPC call towards the server.
pub(crate) const LIANLU_REQUEST_MESSAGES: &str = "lianlu.rpc.request.messages";
/// Their bytes, as framed: compressed where the call is, without the frame headers.
pub(crate) const LIANLU_REQUEST_BYTES: &str = "lianlu.rpc.request.bytes";
/// Messages of a gRPC call towards the client.
pub(crate) const LIANLU_RESPONSE_MESSAGES: &str = "lianlu.rpc.response.messages";
/// Their bytes, as framed.
pub(crate) const LIANLU_RESPONSE_BYTES: &str = "lianlu.rpc.response.bytes";

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

    pub(crate) const EXCEPTION_EVENT: &str = "exception";
    pub(crate) const EXCEPTION_TYPE: &str = "exception.type";
    pub(crate) const EXCEPTION_MESSAGE: &str = "exception.message";
}
