//! The names of health checks: the requests of probes and scrapers.
//!
//! | | |
//! |---|---|
//! | HTTP, `GET` or `HEAD` | `/health`, `/healthz`, `/healthcheck`, `/livez`, `/readyz`, `/startupz`, `/actuator/health`, and paths below these |
//! | | `/live`, `/ready`, `/-/healthy`, `/-/ready`, `/metrics` alone |
//! | gRPC | the service [`grpc.health.v1.Health`] |
//!
//! Names that a service may use for its own purpose, such as `/status` and `/ping`, are not among
//! them.
//!
//! [`grpc.health.v1.Health`]: https://github.com/grpc/grpc/blob/master/doc/health-checking.md

/// Paths that count with all paths below them.
const FOLDERS: [&str; 7] = [
    "/health",
    "/healthz",
    "/healthcheck",
    "/livez",
    "/readyz",
    "/startupz",
    "/actuator/health",
];

/// Paths that count alone: `/live/football` is no health check.
const ALONE: [&str; 5] = ["/live", "/ready", "/-/healthy", "/-/ready", "/metrics"];

const SERVICE: &str = "grpc.health.v1.Health";

/// True for an HTTP health check with this method and path, without the query.
#[must_use]
pub fn is_http(method: &str, path: &str) -> bool {
    matches!(method, "GET" | "HEAD")
        && (FOLDERS.iter().any(|folder| is_below(path, folder))
            || ALONE.contains(&path.strip_suffix('/').unwrap_or(path)))
}

/// True for a gRPC method, with or without the leading slash: `grpc.health.v1.Health/Check`.
#[must_use]
pub fn is_grpc(method: &str) -> bool {
    is_below(method.strip_prefix('/').unwrap_or(method), SERVICE)
}

/// True for `folder` itself and for paths below it.
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_probes_from_calls() {
        for path in [
            "/healthz",
            "/health/",
            "/readyz/etcd",
            "/live",
            "/ready/",
            "/metrics",
        ] {
            assert!(is_http("GET", path) && is_http("HEAD", path), "{path}");
            assert!(!is_http("POST", path), "{path}");
        }
        for path in [
            "/",
            "/status",
            "/ping",
            "/healthy-food",
            "/shop/health",
            "/live/football",
        ] {
            assert!(!is_http("GET", path), "{path}");
        }
        assert!(is_grpc("/grpc.health.v1.Health/Watch") && is_grpc("grpc.health.v1.Health/Check"));
        assert!(!is_grpc("/shop.v1.Health/Check") && !is_grpc("grpc.health.v1.HealthFood/Order"));
    }
}
