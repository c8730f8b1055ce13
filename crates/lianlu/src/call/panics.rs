//! Messages and stack traces of panics, which are known only while a panic begins: by a hook of the
//! process. It is installed once an exception is to be logged, and calls the hook before it.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Once};

use lianlu_wire::otlp::cut;

use crate::describe::response::PanicInfo;

/// Longer texts are cut, in characters.
const MAX_MESSAGE: usize = 4 * 1024;
const MAX_STACK_TRACE: usize = 64 * 1024;

static CAPTURES_STACKS: AtomicBool = AtomicBool::new(false);

/// The number of the next panic of the process. Always odd, so that no panic has the number zero.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A panic with its number.
type Numbered = (u32, Arc<PanicInfo>);

thread_local! {
    /// The last panic of this thread. It may be over: not every panic that ends a call has run the
    /// hook, for example `resume_unwind`.
    static LAST: RefCell<Option<Numbered>> = const { RefCell::new(None) };
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

/// The number of the next panic. Never zero.
#[inline]
pub(super) fn now() -> u32 {
    NEXT.load(Ordering::Relaxed)
}

/// The last panic of this thread, unless it began before `start`.
pub(super) fn since(start: u32) -> Option<Arc<PanicInfo>> {
    let (number, panic) = last()?;
    // Numbers wrap around.
    (number.wrapping_sub(start) <= u32::MAX / 2).then_some(panic)
}

/// Runs code during a panic. Its own panics are ignored: a second one would abort the process, and
/// calls further out end by the first.
pub(super) fn ignore(run: impl FnOnce()) {
    let first = last();
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        set_last(first);
    }
}

fn last() -> Option<Numbered> {
    let last = LAST.try_with(|last| last.try_borrow().ok()?.clone());
    last.ok().flatten()
}

fn set_last(panic: Option<Numbered>) {
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = panic;
        }
    });
}

fn remember(payload: &(dyn Any + Send)) {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let mut panic = PanicInfo {
        message: cut(text.unwrap_or_default(), MAX_MESSAGE).to_owned(),
        stack_trace: String::new(),
    };
    if CAPTURES_STACKS.load(Ordering::Relaxed) {
        panic.stack_trace =
            cut(&Backtrace::force_capture().to_string(), MAX_STACK_TRACE).to_owned();
    }
    let number = NEXT.fetch_add(2, Ordering::Relaxed);
    set_last(Some((number, Arc::new(panic))));
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
            let start = now();
            let _ = catch_unwind(|| match at {
                0 => panic!("text"),
                1 => panic!("no {}", 7),
                2 => std::panic::panic_any(7),
                _ => panic!("{long}"),
            });
            let noted = since(start).unwrap();
            assert_eq!(noted.message, message);
            assert!(noted.stack_trace.contains("notes_message_and_stack_trace"));
        }
        assert!(since(now()).is_none());
    }
}
