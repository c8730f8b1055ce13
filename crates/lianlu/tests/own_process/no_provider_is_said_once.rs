//! A service whose spans go nowhere is told so, once.
//!
//! The global provider is the process's, so the test starts itself again, with the environment that it wants.

use std::convert::Infallible;
use std::process::Command;

use ::http::{Request, Response};
use opentelemetry_sdk::trace::Sampler;
use tower::{Layer, ServiceExt, service_fn};

use crate::common::traces::Traces;

const STARTED: &str = "LIANLU_TEST_STARTED";

async fn call(traceparent: bool) {
    let answer =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let mut request = Request::get("/");
    if traceparent {
        let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        request = request.header("traceparent", value);
    }
    let request = request.body(()).unwrap();
    lianlu::server()
        .layer(answer)
        .oneshot(request)
        .await
        .unwrap();
}

/// What is said on standard error.
fn started_with(how: &str, disabled: Option<&str>) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process
        .args(["--exact", "no_provider_is_said_once::once", "--nocapture"])
        .env_remove("OTEL_SDK_DISABLED")
        .env(STARTED, how);
    if let Some(disabled) = disabled {
        process.env("OTEL_SDK_DISABLED", disabled);
    }
    let output = process.output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.lines().filter(|line| line.starts_with("lianlu:"));
    said.map(str::to_owned).collect()
}

#[tokio::test]
async fn once() {
    match std::env::var(STARTED).as_deref() {
        Err(_) => {}
        Ok("with a provider") => {
            Traces::default().provider.make_global();
            return call(false).await;
        }
        Ok("never sampled") => {
            Traces::with_sampler(Sampler::AlwaysOff)
                .provider
                .make_global();
            return call(false).await;
        }
        Ok(_) => {
            // Without a provider a caller's span passes for ours.
            call(true).await;
            for _ in 0..3 {
                call(false).await;
            }
            return;
        }
    }
    for disabled in [None, Some("false")] {
        let said = started_with("without", disabled);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("lianlu: spans go nowhere: "),
            "{said:?}"
        );
        // The version that the workspace depends on.
        let workspace = include_str!("../../../../Cargo.toml");
        let (_, rest) = workspace
            .split_once("\nopentelemetry = { version = \"")
            .unwrap();
        let mut version = rest.split(['.', '"']);
        let version = format!("{}.{}", version.next().unwrap(), version.next().unwrap());
        let words = format!("opentelemetry than {version} is not seen");
        assert!(said[0].contains(&words), "{said:?}");
    }
    for (how, disabled) in [
        ("without", Some("true")),
        ("without", Some(" TRUE ")),
        ("with a provider", None),
        ("never sampled", None),
    ] {
        assert_eq!(started_with(how, disabled), [""; 0], "{how} {disabled:?}");
    }
}
