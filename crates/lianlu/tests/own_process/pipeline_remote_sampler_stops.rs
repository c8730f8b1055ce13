//! The thread that polls for a sampling strategy ends with the guard, also while the provider
//! lives.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use lianlu::sampling::JaegerRemote;

use crate::own_process::is_alone;

/// True if this process has a polling thread.
fn is_polling() -> bool {
    std::fs::read_dir("/proc/self/task").unwrap().any(|thread| {
        // A thread that ends meanwhile has no name.
        let name = std::fs::read_to_string(thread.unwrap().path().join("comm"));
        name.is_ok_and(|name| name.trim_end() == "lianlu-sampling")
    })
}

fn wait_until_polling_is(wanted: bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while is_polling() != wanted {
        assert!(Instant::now() < deadline, "polling is still not {wanted}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_thread_ends_with_the_guard() {
    if !is_alone(&this_test!()) {
        return;
    }
    let closed_port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for shut_down in [true, false] {
        let guard = lianlu::console::pipeline()
            .with_loss_listener(|_| {})
            .with_remote_sampler(JaegerRemote::new(format!("http://{closed_port}")))
            .install()
            .unwrap();
        let provider = guard.tracer_provider().clone();
        wait_until_polling_is(true);
        if shut_down {
            guard.shutdown().unwrap();
        } else {
            drop(guard);
        }
        wait_until_polling_is(false);
        drop(provider);
    }
}
