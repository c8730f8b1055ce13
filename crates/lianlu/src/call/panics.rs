//! Messages and stack traces of panics, which are known only while a panic begins: by a hook of the
//! process. It is installed once an exception is to be logged, and calls the hook before it.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use lianlu_wire::otlp::cut;

/// A panic.
#[derive(Debug, Default)]
pub(super) struct PanicInfo {
    /// The text of the panic. Empty if it is not a text.
    pub(super) message: String,
    /// Empty unless stack traces are captured.
    pub(super) stack_trace: String,
}

/// Longer texts are cut, in characters.
const MAX_MESSAGE: usize = 4 * 1024;
const MAX_STACK_TRACE: usize = 64 * 1024;

static CAPTURES_STACKS: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The last panic of this thread.
    static LAST: RefCell<Option<PanicInfo>> = const { RefCell::new(None) };
}

/// Notes panics from now on, with stack traces if one layer wants them.
pub(super) fn observe(with_stack_traces: bool) {
    static INSTALLED: Once = Once::new();
    if with_stack_traces {
        CAPTURES_STACKS.store(true, Ordering::Relaxed);
    }
    // A panicking thread cannot set the hook.
    if std::thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            remember(info.payload());
            previous(info);
        }));
    });
}

/// The panic that ends a call of this thread.
pub(super) fn take() -> PanicInfo {
    let last = LAST.try_with(|last| last.try_borrow_mut().ok()?.take());
    last.ok().flatten().unwrap_or_default()
}

fn remember(payload: &(dyn Any + Send)) {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let mut info = PanicInfo {
        message: cut(text.unwrap_or_default(), MAX_MESSAGE).to_owned(),
        stack_trace: String::new(),
    };
    if CAPTURES_STACKS.load(Ordering::Relaxed) {
        info.stack_trace = cut(&Backtrace::force_capture().to_string(), MAX_STACK_TRACE).to_owned();
    }
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some(info);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_message_and_stack_trace() {
        observe(true);
        let long = "x".repeat(MAX_MESSAGE + 1);
        let cut_off = "x".repeat(MAX_MESSAGE);
        for (at, message) in ["text", "no 7", "", &cut_off].into_iter().enumerate() {
            let _ = std::panic::catch_unwind(|| match at {
                0 => panic!("text"),
                1 => panic!("no {}", 7),
                2 => std::panic::panic_any(7),
                _ => panic!("{long}"),
            });
            let noted = take();
            assert_eq!(noted.message, message);
            assert!(noted.stack_trace.contains("notes_message_and_stack_trace"));
        }
        assert_eq!(take().message, "", "it is taken once");
    }
}
