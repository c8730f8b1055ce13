//! What the child can be told to do.

use std::io::{BufRead, stdin};
use std::process;
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use lianlu_faults::{Meanwhile, PATIENCE};
use lianlu_sdk::{Span, SpanCounts, TracerProvider};

use crate::calls::Calls;
use crate::options::Options;
use crate::spans::Maker;
use crate::{exporters, fork, say, within};

/// Does what it is told until there is nobody left to tell it anything. Then, as a service that returns from `main`
/// does, it drops everything.
pub(crate) fn serve(options: &Options, provider: TracerProvider) {
    let mut child = Child {
        maker: Maker::new(&provider, options.life),
        calls: Calls::new(&provider),
        provider,
        open: Vec::new(),
        meanwhile: None,
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
    meanwhile: Option<Meanwhile>,
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
            // Calls.
            ["calls", count] => return self.calls.timed(number(count)),
            ["calls-panic", count] => self.calls.panics(number(count)),
            ["calls-dropped", count] => self.calls.dropped(number(count)),
            ["calls-unread", count] => self.calls.unread(number(count)),
            ["calls-gone", count] => self.calls.gone(number(count), "/works"),
            ["calls-hung-up", count] => self.calls.gone(number(count), "/streams"),
            // What another thread does again and again until there is something else for it to do.
            ["meanwhile", ref work @ ..] => {
                self.meanwhile = None;
                self.meanwhile = self.meanwhile(work);
            }
            ["times"] => {
                let times = self.meanwhile.as_ref().map(Meanwhile::times);
                return times.unwrap_or_else(exporters::times).to_string();
            }
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
            ["release"] => exporters::release(),
            ["good"] => exporters::be_good(true),
            ["bad"] => exporters::be_good(false),
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
            // The end.
            ["fork"] => return fork::fork(&self.provider, maker),
            ["abort"] => process::abort(),
            ["eat"] => eat(),
            ["exit"] => process::exit(0),
            _ => panic!("{words:?}"),
        }
        "ok".to_owned()
    }

    fn meanwhile(&self, work: &[&str]) -> Option<Meanwhile> {
        let (maker, provider) = (self.maker.clone(), self.provider.clone());
        Some(match *work {
            [] => return None,
            ["fork"] => Meanwhile::new(move || {
                assert_eq!(fork::fork(&provider, &maker), "ok");
                sleep(Duration::from_millis(5));
            }),
            ["long", bytes] => {
                let bytes = number(bytes);
                Meanwhile::new(move || {
                    maker.long(bytes);
                    // So that there is room for more than a moment.
                    sleep(Duration::from_millis(20));
                })
            }
            ["wide", attributes] => {
                let attributes = number(attributes);
                Meanwhile::new(move || _ = maker.wide(attributes))
            }
            ["break-off"] => {
                let mut calls = Calls::new(&provider);
                Meanwhile::new(move || {
                    calls.panics(1);
                    calls.dropped(1);
                    calls.unread(1);
                })
            }
            ["spans-in", count, ref place @ ..] => {
                let (count, place) = (number(count), place.concat());
                Meanwhile::new(move || {
                    let maker = maker.clone();
                    within::run(&place, move || maker.quietly(count));
                    sleep(Duration::from_millis(1));
                })
            }
            ["flush", ref place @ ..] => {
                let place = place.concat();
                Meanwhile::new(move || {
                    let handle = provider.handle();
                    within::run(&place, move || handle.flush(PATIENCE)).unwrap();
                })
            }
            _ => panic!("{work:?}"),
        })
    }

    /// `ok`, or why not, or how long it took if that is longer than it was allowed to.
    fn flush(&self, place: &str, millis: &str) -> String {
        let handle = self.provider.handle();
        let timeout = Duration::from_millis(number(millis));
        let begun = Instant::now();
        let result = within::run(place, move || handle.flush(timeout));
        match (result, begun.elapsed()) {
            (_, took) if took > timeout + Duration::from_secs(2) => format!("took {took:?}"),
            (Err(error), _) => error.to_string(),
            (Ok(()), _) => "ok".to_owned(),
        }
    }
}

/// All the memory that there is.
fn eat() -> ! {
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
