//! Places to run a piece of work in: a runtime, a destructor, a panic hook.

use std::panic;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use tokio::runtime::{Builder, Runtime};

/// Runs `work` in a place. A runtime is dropped afterwards.
pub(crate) fn run<T: Send + 'static>(place: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    match place {
        "" => work(),
        "current-thread" => current_thread().block_on(async { work() }),
        "one-worker" => {
            let runtime = one_worker();
            // Blocks the runtime's only worker.
            let task = runtime.spawn(async { work() });
            runtime.block_on(task).unwrap()
        }
        "drop" => in_a_drop(work),
        "panic-hook" => in_a_panic_hook(work),
        _ => panic!("{place}"),
    }
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn one_worker() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

/// Runs it in a destructor inside of a current-thread runtime.
fn in_a_drop<T>(work: impl FnOnce() -> T) -> T {
    struct Last<W: FnOnce()>(Option<W>);
    impl<W: FnOnce()> Drop for Last<W> {
        fn drop(&mut self) {
            if let Some(work) = self.0.take() {
                work();
            }
        }
    }
    let mut result = None;
    current_thread().block_on(async {
        drop(Last(Some(|| result = Some(work()))));
    });
    result.unwrap()
}

/// Runs it in the hook of a panic inside of a current-thread runtime.
fn in_a_panic_hook<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, result) = channel();
    let work = Mutex::new(Some(work));
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |_| {
        if let Some(work) = work.lock().unwrap().take() {
            let _ = send.send(work());
        }
    }));
    let runtime = current_thread();
    let panicked = runtime.block_on(runtime.spawn(async { panic!("on purpose") }));
    assert!(panicked.is_err());
    panic::set_hook(hook);
    result.recv().unwrap()
}
