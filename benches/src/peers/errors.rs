//! Errors that a peer tells its logger alone are told here too: what is lost must not be lost silently.

struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Error
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}: {}", record.target(), record.args());
        }
    }

    fn flush(&self) {}
}

pub(super) fn to_stderr() {
    // A second call finds that it is done.
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(log::LevelFilter::Error);
    }
}
