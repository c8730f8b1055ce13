//! Detects health checks.

use crate::request::RequestHead;

/// Paths that probes and scrapers commonly request.
const PATHS: [&str; 12] = [
    "/health",
    "/healthz",
    "/health/live",
    "/health/ready",
    "/livez",
    "/live",
    "/readyz",
    "/ready",
    "/startupz",
    "/ping",
    "/status",
    "/metrics",
];

/// Returns true if a request is a health check: a call of gRPC's [`grpc.health.v1.Health`], or a
/// `GET` or `HEAD` of a path that probes and scrapers use, such as `/healthz`, `/livez`, `/readyz`
/// and `/metrics`. The user agent is not considered, because any client can forge it to avoid
/// tracing.
///
/// ```
/// let layer = lianlu::server().with_filter(|head| !lianlu::health_checks(head));
/// # let _ = layer;
/// ```
///
/// [`grpc.health.v1.Health`]: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
#[must_use]
pub fn health_checks(head: &RequestHead<'_>) -> bool {
    let path = head.path();
    if head.is_grpc() {
        return path.starts_with("/grpc.health.v1.Health/");
    }
    if head.method() != http::Method::GET && head.method() != http::Method::HEAD {
        return false;
    }
    PATHS.contains(&path.strip_suffix('/').unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_check(request: http::request::Builder) -> bool {
        let request = request.body(()).unwrap();
        health_checks(&RequestHead::new(&request))
    }

    #[test]
    fn distinguishes_probes_from_calls() {
        let get = http::Request::get;
        assert!(is_check(get("/healthz")));
        assert!(is_check(get("/readyz/?verbose")));
        assert!(!is_check(get("/").header("user-agent", "kube-probe/1.31")));
        assert!(!is_check(get("/orders/healthz")));
        assert!(!is_check(http::Request::post("/health")));
        let grpc = |path: &str| {
            is_check(http::Request::post(path).header("content-type", "application/grpc"))
        };
        assert!(grpc("/grpc.health.v1.Health/Check"));
        assert!(grpc("/grpc.health.v1.Health/Watch"));
        assert!(!grpc("/shop.v1.Health/Check"));
    }
}
