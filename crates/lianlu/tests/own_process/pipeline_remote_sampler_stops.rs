//! The thread that asks for a strategy ends with the guard, while the provider lives on.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use lianlu::sampling::JaegerRemote;

use crate::is_alone;

/// Whether this process has a thread that asks.
fn is_asking() -> bool {
    std::fs::read_dir("/proc/self/task").unwrap().any(|thread| {
        // One that ends meanwhile has no name any more.
        let name = std::fs::read_to_string(thread.unwrap().path().join("comm"));
        name.is_ok_and(|name| name.trim_end() == "lianlu-sampling")
    })
}

fn wait_until_asking_is(wanted: bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while is_asking() != wanted {
        assert!(Instant::now() < deadline, "still not {wanted}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_guard_takes_the_thread_along() {
    if !is_alone("pipeline_remote_sampler_stops::the_guard_takes_the_thread_along") {
        return;
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for shut_down in [true, false] {
        let guard = lianlu::console::pipeline()
            .with_loss_listener(|_| {})
            .with_remote_sampler(JaegerRemote::new(format!("http://{nobody}")))
            .install()
            .unwrap();
        let provider = guard.tracer_provider().clone();
        wait_until_asking_is(true);
        if shut_down {
            guard.shutdown().unwrap();
        } else {
            drop(guard);
        }
        wait_until_asking_is(false);
        drop(provider);
    }
}
