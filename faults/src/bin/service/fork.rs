//! Forks: a process with a copy of the service's memory, and none of its threads.
#![allow(unsafe_code)]

use lianlu_faults::FLUSH;
use lianlu_sdk::TracerProvider;

use crate::spans::Maker;

/// Forks, waits for the end of the forked process, and returns its answer: `ok`, or what is wrong.
pub(crate) fn fork(provider: &TracerProvider, maker: &Maker) -> String {
    Fork::new(provider, maker).finish()
}

/// A forked process that waits until it may go on.
pub(crate) struct Fork {
    pid: libc::pid_t,
    /// The process goes on when this end is closed.
    pipe: libc::c_int,
}

impl Fork {
    pub(crate) fn new(provider: &TracerProvider, maker: &Maker) -> Self {
        let mut pipe = [0; 2];
        // SAFETY: `pipe` has room for two descriptors. Close-on-exec, so that other children don't hold it open.
        assert_eq!(
            unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC) },
            0
        );
        let [reader, writer] = pipe;
        // SAFETY: the forked process does what a service that forks would do, with this crate's code, and ends with `_exit`.
        // The tests check that it does not hang in a lock which another thread held.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: both descriptors are ours; the read ends when the parent closes its writing end.
            unsafe {
                libc::close(writer);
                let mut byte = 0_u8;
                libc::read(reader, (&raw mut byte).cast(), 1);
            }
            let code = in_the_fork(provider, maker);
            // SAFETY: ends the process, without what the parent has registered for its own end.
            unsafe { libc::_exit(code) }
        }
        // SAFETY: ours, and used by the forked process alone.
        unsafe { libc::close(reader) };
        Self { pid, pipe: writer }
    }

    /// True if the process has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        let mut status = 0;
        // SAFETY: `status` is a place for the status.
        unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) == 0 }
    }

    /// Lets the process go on, and waits for its answer. The parent's patience is the watchdog.
    pub(crate) fn finish(self) -> String {
        let mut status = 0;
        // SAFETY: the descriptor is ours, and `status` is a place for the status.
        let ended = unsafe {
            libc::close(self.pipe);
            libc::waitpid(self.pid, &raw mut status, 0)
        };
        assert_eq!(ended, self.pid);
        match libc::WIFEXITED(status) {
            true if libc::WEXITSTATUS(status) == 0 => "ok".to_owned(),
            true => format!("the fork says {}", libc::WEXITSTATUS(status)),
            false => format!("signal {}", libc::WTERMSIG(status)),
        }
    }
}

/// Uses the pipeline. None of the calls may wait for a thread that does not exist here.
fn in_the_fork(provider: &TracerProvider, maker: &Maker) -> i32 {
    drop(maker.open(10));
    maker.quietly(2000);
    if provider.flush(FLUSH).is_err() {
        return 2;
    }
    if provider.handle().counts() != Default::default() {
        return 3;
    }
    if provider.shutdown(FLUSH).is_err() {
        return 4;
    }
    0
}
