//! Detects health checks.

use lianlu_wire::health_checks;

use crate::request::RequestHead;

/// Returns true if a request is a health check: a call of gRPC's [`grpc.health.v1.Health`], or a
/// `GET` or `HEAD` of a path that probes and scrapers use: `/health`, `/healthz`, `/healthcheck`,
/// `/livez`, `/readyz`, `/startupz`, `/actuator/health` and paths below these; `/live`, `/ready`,
/// `/-/healthy`, `/-/ready`, `/metrics`. The user agent is not considered, because any client can
/// forge it to avoid tracing. `sampling::Spans::health_checks` has the same list.
///
/// ```
/// let layer = lianlu::server().with_filter(|head| !lianlu::health_checks(head));
/// # let _ = layer;
/// ```
///
/// [`grpc.health.v1.Health`]: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
#[must_use]
pub fn health_checks(head: &RequestHead<'_>) -> bool {
    if head.is_grpc() {
        health_checks::is_grpc(head.path())
    } else {
        health_checks::is_http(head.method().as_str(), head.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_probes_from_calls() {
        for (method, target, content_type, expected) in [
            ("GET", "/healthz?verbose", "", true),
            ("POST", "/healthz", "", false),
            ("GET", "/ping", "", false),
            (
                "POST",
                "/grpc.health.v1.Health/Check",
                "application/grpc",
                true,
            ),
            ("POST", "/shop.v1.Health/Check", "application/grpc", false),
            ("POST", "/grpc.health.v1.Health/Check", "", false),
        ] {
            let request = http::Request::builder().method(method).uri(target);
            let request = request.header("content-type", content_type).body(());
            let request = request.unwrap();
            let found = health_checks(&RequestHead::new(&request));
            assert_eq!(found, expected, "{method} {target}");
        }
    }
}
