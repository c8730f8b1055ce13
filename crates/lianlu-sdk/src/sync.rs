//! What the threads of the pipeline meet at: the standard library's, or in the pipeline's model shuttle's, which decides
//! at every step who goes on.

use std::sync::{Arc, TryLockError, TryLockResult};

#[cfg(not(all(test, lianlu_shuttle)))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(all(test, lianlu_shuttle)))]
pub(crate) use std::thread_local;

#[cfg(all(test, lianlu_shuttle))]
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(all(test, lianlu_shuttle))]
pub(crate) use shuttle::thread_local;

/// The lock if nobody held it, poisoned or not.
pub(crate) fn free<G>(lock: TryLockResult<G>) -> Option<G> {
    match lock {
        Ok(lock) => Some(lock),
        Err(TryLockError::Poisoned(lock)) => Some(lock.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// How many hold it.
pub(crate) fn holders<T>(shared: &Arc<T>) -> usize {
    #[cfg(all(test, lianlu_shuttle))]
    step();
    Arc::strong_count(shared)
}

/// Where shuttle sees none of its own: a step before which others may run.
#[cfg(all(test, lianlu_shuttle))]
pub(crate) fn step() {
    atomic::AtomicBool::new(false).load(atomic::Ordering::SeqCst);
}
