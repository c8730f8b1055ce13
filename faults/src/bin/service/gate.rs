//! The child's own gate, which its parent closes and opens. Exporters, the sampler, the listener, panic hooks and blocks of
//! code in a runtime pass it at the moment that a test may want to last.

use std::panic;
use std::sync::LazyLock;

use lianlu_faults::Gate;

static GATE: LazyLock<Gate> = LazyLock::new(Gate::default);

/// The gate.
pub(crate) fn gate() -> &'static Gate {
    &GATE
}

/// Lets every panic pass the gate, with its thread half-way through it. Panics on purpose print nothing.
pub(crate) fn hold_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        gate().pass();
        if panic.payload().downcast_ref() != Some(&"on purpose") {
            print(panic);
        }
    }));
}
