//! The pipeline's synchronisation primitives: those of the standard library, or shuttle's in the
//! pipeline's model test, where shuttle controls the scheduling.

use std::sync::{Arc, TryLockError, TryLockResult};

#[cfg(not(all(test, lianlu_shuttle)))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(all(test, lianlu_shuttle)))]
pub(crate) use std::thread_local;

#[cfg(all(test, lianlu_shuttle))]
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(all(test, lianlu_shuttle))]
pub(crate) use shuttle::thread_local;

/// The guard if the lock was free, poisoned or not.
pub(crate) fn free<G>(lock: TryLockResult<G>) -> Option<G> {
    match lock {
        Ok(lock) => Some(lock),
        Err(TryLockError::Poisoned(lock)) => Some(lock.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Number of references.
pub(crate) fn holders<T>(shared: &Arc<T>) -> usize {
    #[cfg(all(test, lianlu_shuttle))]
    step();
    Arc::strong_count(shared)
}

/// A scheduling point for operations that shuttle does not see.
#[cfg(all(test, lianlu_shuttle))]
pub(crate) fn step() {
    atomic::AtomicBool::new(false).load(atomic::Ordering::SeqCst);
}
