//! A service without a tracer provider gets one warning.

use ::http::Request;
use opentelemetry_sdk::trace::Sampler;
use tower::{Layer, ServiceExt, service_fn};

use crate::common::traces::Traces;
use crate::common::{TRACEPARENT, http as net};
use crate::own_process::{Printed, child, role, run};

async fn call(traceparent: bool) {
    let mut request = Request::get("/");
    if traceparent {
        request = request.header("traceparent", TRACEPARENT);
    }
    let request = request.body(()).unwrap();
    let service = lianlu::server().layer(service_fn(net::answer));
    service.oneshot(request).await.unwrap();
}

fn run_with(test: &str, provider: &str, disabled: Option<&str>) -> Printed {
    let mut process = child(test, provider);
    process.env_remove("OTEL_SDK_DISABLED");
    process.envs(disabled.map(|disabled| ("OTEL_SDK_DISABLED", disabled)));
    run(&mut process)
}

#[tokio::test]
async fn a_service_without_a_provider_gets_one_warning() {
    match role().as_deref() {
        None => {}
        Some("with a provider") => {
            Traces::default().provider.make_global();
            return call(false).await;
        }
        Some("never sampled") => {
            Traces::with_sampler(Sampler::AlwaysOff)
                .provider
                .make_global();
            return call(false).await;
        }
        Some(_) => {
            // Without a provider, a caller's span context looks like a span of ours.
            call(true).await;
            for _ in 0..3 {
                call(false).await;
            }
            return;
        }
    }
    for disabled in [None, Some("false")] {
        let printed = run_with(&this_test!(), "without", disabled);
        let [warning] = printed.warnings()[..] else {
            panic!("{printed:?}");
        };
        assert!(
            warning.starts_with("lianlu: spans go nowhere: "),
            "{warning}"
        );
        // The version that the workspace depends on.
        let workspace = include_str!("../../../../Cargo.toml");
        let (_, rest) = workspace
            .split_once("\nopentelemetry = { version = \"")
            .unwrap();
        let mut version = rest.split(['.', '"']);
        let version = format!("{}.{}", version.next().unwrap(), version.next().unwrap());
        let words = format!("opentelemetry than {version} is not seen");
        assert!(warning.contains(&words), "{warning}");
    }
    for (provider, disabled) in [
        ("without", Some("true")),
        ("without", Some(" TRUE ")),
        ("with a provider", None),
        ("never sampled", None),
    ] {
        let printed = run_with(&this_test!(), provider, disabled);
        assert_eq!(printed.warnings(), [""; 0], "{provider} {disabled:?}");
    }
}
