//! Time on the wall, of this thread and of this process.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

/// A moment on the wall and in the life of this thread.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    wall: Instant,
    thread: Duration,
}

/// How long something took. The thread's time stands still while others have its processor.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    pub(crate) thread: Duration,
}

impl Moment {
    pub(crate) fn now() -> Self {
        let thread = of_this_thread();
        Self {
            wall: Instant::now(),
            thread,
        }
    }

    pub(crate) fn elapsed(self) -> Took {
        let wall = self.wall.elapsed();
        Took {
            wall,
            thread: of_this_thread() - self.thread,
        }
    }
}

fn of_this_thread() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock"))
}

/// CPU time of the whole process, user's and system's.
pub(crate) fn of_this_process() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask for its own");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).expect("CPU time is not negative"))
}
