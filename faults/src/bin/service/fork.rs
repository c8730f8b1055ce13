//! A child of the child, which has its memory and none of its threads.
#![allow(unsafe_code)]

use std::time::{Duration, Instant};

use lianlu_sdk::TracerProvider;

use crate::spans::Maker;

/// How long the forked process may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Forks, and gives what the forked process has to say: `ok`, or what is wrong.
pub(crate) fn fork(provider: &TracerProvider, maker: &Maker) -> String {
    // SAFETY: the forked process does what a service that forks would do, with this crate's code, and ends with `_exit`.
    // That it may hang in a lock which another thread held is what the test is about.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let code = in_the_fork(provider, maker);
        // SAFETY: ends the process, without what the parent has registered for its own end.
        unsafe { libc::_exit(code) }
    }
    wait(pid)
}

fn in_the_fork(provider: &TracerProvider, maker: &Maker) -> i32 {
    let begun = Instant::now();
    drop(maker.open(10));
    maker.quietly(2000);
    if provider.flush(Duration::from_secs(5)).is_err() {
        return 2;
    }
    if provider.handle().counts() != Default::default() {
        return 3;
    }
    if provider.shutdown(Duration::from_secs(5)).is_err() {
        return 4;
    }
    if begun.elapsed() > Duration::from_secs(4) {
        return 5;
    }
    0
}

fn wait(pid: libc::pid_t) -> String {
    let begun = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: `status` is a place for the status.
        let ended = unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) };
        if ended == pid {
            return match libc::WIFEXITED(status) {
                true if libc::WEXITSTATUS(status) == 0 => "ok".to_owned(),
                true => format!("the fork says {}", libc::WEXITSTATUS(status)),
                false => format!("signal {}", libc::WTERMSIG(status)),
            };
        }
        if begun.elapsed() > PATIENCE {
            // SAFETY: our own child, which was not waited for yet.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            return "the fork hangs".to_owned();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
