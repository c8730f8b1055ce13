//! A gate that holds threads while it is closed.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::PATIENCE;

/// Keeps a fault in progress: a thread that reaches a closed gate waits there until the gate opens. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    held: usize,
}

impl Gate {
    /// Threads that reach the gate wait from now on.
    pub fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Lets the waiting threads go on.
    pub fn open(&self) {
        self.lock().is_closed = false;
        self.0.1.notify_all();
    }

    /// Waits while the gate is closed.
    pub fn pass(&self) {
        let mut state = self.lock();
        if !state.is_closed {
            return;
        }
        state.held += 1;
        self.0.1.notify_all();
        while state.is_closed {
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.held -= 1;
    }

    /// Number of threads that wait at the gate.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().held
    }

    /// Waits until a thread waits at the gate.
    ///
    /// # Panics
    ///
    /// If none comes.
    #[track_caller]
    pub fn wait_until_held(&self) {
        let state = self.lock();
        let waited = self
            .0
            .1
            .wait_timeout_while(state, PATIENCE, |state| state.held == 0);
        let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "nothing reached the gate");
    }

    /// Also used by panic hooks: a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
