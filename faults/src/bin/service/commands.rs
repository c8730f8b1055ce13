//! The child's commands.

use std::io::{BufRead, stdin};
use std::process;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use lianlu_faults::FLUSH;
use lianlu_sdk::{Span, SpanCounts, TracerProvider};

use crate::beside::Beside;
use crate::calls::Calls;
use crate::fork::{self, Fork};
use crate::gate::gate;
use crate::options::Options;
use crate::spans::Maker;
use crate::{exporters, say, within};

/// Obeys commands until standard input ends. Then it drops everything, like a service that returns from `main`.
pub(crate) fn serve(options: &Options, provider: TracerProvider) {
    let mut child = Child {
        maker: Maker::new(&provider, options.life),
        calls: Calls::new(&provider),
        provider,
        open: Vec::new(),
        beside: None,
        fork: None,
    };
    for line in stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<_> = line.split(' ').collect();
        say(&child.obey(&words));
    }
}

struct Child {
    provider: TracerProvider,
    maker: Maker,
    calls: Calls,
    open: Vec<Span>,
    beside: Option<Beside>,
    fork: Option<Fork>,
}

impl Child {
    fn obey(&mut self, words: &[&str]) -> String {
        let maker = &self.maker;
        match *words {
            // Spans.
            ["spans", count] => maker.make(number(count)),
            ["spans", count, threads] => maker.make_on(number(threads), number(count)),
            ["spans-in", count, place] => {
                let (maker, count) = (maker.clone(), number(count));
                within::run(place, move || maker.make(count));
            }
            ["run", threads, at_once, rest_micros] => {
                let rest = Duration::from_micros(number(rest_micros));
                maker.run(number(threads), number(at_once), rest);
            }
            ["stop"] => maker.stop(),
            ["open", count] => self.open.extend(maker.open(number(count))),
            ["end"] => self.open.clear(),
            ["long", bytes] => {
                let id = maker.long(number(bytes));
                maker.claim(id, id);
            }
            ["wide", attributes] => {
                let id = maker.wide(number(attributes));
                maker.claim(id, id);
            }
            ["clock-steps", count] => maker.make_while_the_clock_steps(number(count)),
            // Requests.
            ["calls", count] => self.calls.complete(number(count)),
            ["calls-timed", count] => return self.calls.timed(number(count)),
            ["calls-wait", count] => self.calls.wait(number(count)),
            ["calls-finish"] => self.calls.finish(),
            ["calls-panic", count] => self.calls.panics(number(count)),
            ["calls-dropped", count] => self.calls.dropped(number(count)),
            ["calls-unread", count] => self.calls.unread(number(count)),
            ["calls-gone", count] => self.calls.gone(number(count), "/works"),
            ["calls-hung-up", count] => self.calls.gone(number(count), "/streams"),
            // Work that another thread repeats until the next such command.
            ["beside", ref work @ ..] => {
                self.beside = None;
                self.beside = self.beside(work);
            }
            ["times"] => {
                let times = self.beside.as_ref().map(Beside::times);
                return times.unwrap_or_else(exporters::times).to_string();
            }
            // The gate.
            ["hold"] => gate().close(),
            ["release"] => gate().open(),
            ["held"] => return gate().held().to_string(),
            // The pipeline.
            ["counts"] => return counts(&self.provider.handle().counts()),
            ["destinations"] => {
                let all = self.provider.handle().destinations().into_iter();
                let lines: Vec<_> = all.map(|it| counts(&it.counts)).collect();
                return lines.join(";");
            }
            ["health"] => return format!("{:?}", self.provider.handle().health()),
            ["found"] => return format!("{:?}", self.provider.handle().found()),
            ["unnoted"] => return self.provider.handle().unnoted_calls().to_string(),
            ["good"] => exporters::be_good(true),
            ["bad"] => exporters::be_good(false),
            ["idle"] => return exporters::idle().to_string(),
            ["flush", millis] => return self.flush("", millis),
            ["flush", millis, place] => return self.flush(place, millis),
            ["shutdown", millis] => {
                let result = self
                    .provider
                    .shutdown(Duration::from_millis(number(millis)));
                return result.map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            }
            ["clock"] => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                return now.unwrap().as_nanos().to_string();
            }
            // Forks.
            ["fork"] => return fork::fork(&self.provider, maker),
            ["fork-open"] => self.fork = Some(Fork::new(&self.provider, maker)),
            ["fork-is-alive"] => return self.fork.as_ref().is_some_and(Fork::is_alive).to_string(),
            ["fork-finish"] => return self.fork.take().unwrap().finish(),
            // The end.
            ["abort"] => process::abort(),
            ["eat"] => allocate_forever(),
            ["exit"] => process::exit(0),
            _ => panic!("{words:?}"),
        }
        "ok".to_owned()
    }

    fn beside(&self, work: &[&str]) -> Option<Beside> {
        let (maker, provider) = (self.maker.clone(), self.provider.clone());
        Some(match *work {
            [] => return None,
            ["fork"] => Beside::new(move || {
                assert_eq!(fork::fork(&provider, &maker), "ok");
            }),
            ["long", bytes] => {
                let bytes = number(bytes);
                Beside::new(move || _ = maker.long(bytes))
            }
            ["wide", attributes] => {
                let attributes = number(attributes);
                Beside::new(move || _ = maker.wide(attributes))
            }
            ["break-off"] => {
                let mut calls = Calls::new(&provider);
                Beside::new(move || {
                    calls.panics(1);
                    calls.dropped(1);
                    calls.unread(1);
                })
            }
            ["spans-in", count, ref place @ ..] => {
                let (count, place) = (number(count), place.concat());
                Beside::new(move || {
                    let maker = maker.clone();
                    within::run(&place, move || {
                        maker.quietly(count);
                        gate().pass();
                    });
                })
            }
            ["flush", ref place @ ..] => {
                let place = place.concat();
                Beside::new(move || {
                    let handle = provider.handle();
                    within::run(&place, move || handle.flush(FLUSH)).unwrap();
                })
            }
            _ => panic!("{work:?}"),
        })
    }

    /// Returns `ok`, or the error.
    fn flush(&self, place: &str, millis: &str) -> String {
        let handle = self.provider.handle();
        let timeout = Duration::from_millis(number(millis));
        let result = within::run(place, move || handle.flush(timeout));
        result.map_or_else(|error| error.to_string(), |()| "ok".to_owned())
    }
}

/// Uses up all memory.
fn allocate_forever() -> ! {
    loop {
        std::mem::forget(vec![1_u8; 1 << 20]);
    }
}

fn counts(counts: &SpanCounts) -> String {
    let mut line = format!(
        "started={} open={} waiting={} exported={} recovered={} recorded={} durable={}",
        counts.started,
        counts.open,
        counts.waiting,
        counts.exported,
        counts.recovered,
        counts.recorded,
        counts.durable
    );
    for (reason, count) in counts.dropped.by_reason() {
        line.push_str(&format!(" {reason}={count}"));
    }
    line
}

fn number<T: FromStr>(word: &str) -> T {
    word.parse().ok().expect(word)
}
