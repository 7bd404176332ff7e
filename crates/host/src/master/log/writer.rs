//! The process that writes a vassal's logs: reads what all others print, until the last is gone.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lictor_core::config::{LogRotation, LogStream, LogTarget, Logger, LogsConfig};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::super::touch::Touch;
use super::dress::Dress;
use super::lines::Lines;
use super::rules::{Routes, Selection};
use super::sink::Sink;

/// Read at once.
const READ_BYTES: usize = 64 * 1024;
/// How long the beginning of a line waits for its end.
const PATIENCE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Orders: open the files anew, or put them aside.
pub(super) const REOPEN: u8 = b'l';
pub(super) const ROTATE: u8 = b'L';

/// What a writer works with. All of it belongs to the master, whose image this process has.
pub(super) struct Tools<'a> {
    pub(super) logs: &'a LogsConfig,
    pub(super) logto: Option<&'a Path>,
    /// The pipe behind the standard streams of all others.
    pub(super) app: BorrowedFd<'a>,
    /// The one of the log of requests, if that goes a way of its own.
    pub(super) requests: Option<BorrowedFd<'a>>,
    /// The emperor's log.
    pub(super) emperor: BorrowedFd<'a>,
    /// One byte to the master per change: the error number, or 0 when all is well again.
    pub(super) trouble: BorrowedFd<'a>,
    /// One byte from the master per order.
    pub(super) orders: BorrowedFd<'a>,
}

/// One kind of lines on its way.
struct Course<'a> {
    input: BorrowedFd<'a>,
    is_over: bool,
    lines: Lines,
    routes: Routes,
    sinks: Vec<Sink>,
}

/// Runs until nobody can print any more. Gives the exit status.
pub(super) fn run(tools: &Tools<'_>) -> i32 {
    let logs = tools.logs;
    let mut courses = courses(tools);
    let selection = Selection::new(&logs.drain, &logs.filter);
    let mut reopened = Touch::watch(&logs.touch_reopen);
    let mut rotated = Touch::watch(&logs.touch_rotate);
    let mut told = 0;
    let mut buffer = vec![0; READ_BYTES];
    // The master is the last that holds the pipe of the app's output.
    while courses.first().is_some_and(|app| !app.is_over) {
        let told_by = [
            Some(tools.orders),
            fd_of(reopened.as_ref()),
            fd_of(rotated.as_ref()),
        ];
        wait(&mut courses, told_by.into_iter().flatten(), &selection);
        let orders = orders(tools.orders);
        let is_touched = |it: &mut Touch| !it.touched().is_empty();
        if reopened.as_mut().is_some_and(is_touched) || orders.contains(&REOPEN) {
            each_sink(&mut courses, Sink::reopen);
        }
        if rotated.as_mut().is_some_and(is_touched) || orders.contains(&ROTATE) {
            each_sink(&mut courses, Sink::rotate);
        }
        for course in &mut courses {
            course.read(&mut buffer, &selection);
        }
        each_sink(&mut courses, |sink| sink.flush(tools.emperor));
        tell(tools.trouble, &courses, &mut told);
    }
    for course in &mut courses {
        while course.read(&mut buffer, &selection) {}
        course.finish(&selection);
    }
    each_sink(&mut courses, |sink| sink.flush(tools.emperor));
    0
}

fn fd_of(touch: Option<&Touch>) -> Option<BorrowedFd<'_>> {
    Some(touch?.as_fd())
}

/// The orders that have come; the pipe gives them without waiting.
fn orders(pipe: BorrowedFd<'_>) -> Vec<u8> {
    let mut bytes = [0; 64];
    let count = rustix::io::read(pipe, &mut bytes[..]).unwrap_or(0);
    bytes.get(..count).unwrap_or_default().to_vec()
}

fn courses<'a>(tools: &Tools<'a>) -> Vec<Course<'a>> {
    let logs = tools.logs;
    let loggers = own_loggers(&logs.app, tools.logto);
    let course = |input, loggers: &[Logger], stream: &LogStream, is_dated| {
        let dress = |logger: &Logger| {
            let date = logs.date.as_ref().filter(|_| is_dated);
            let prefix = logs.prefix.as_ref().filter(|_| is_dated);
            Dress::new(date, prefix, &stream.encoders, logger.name.as_ref())
        };
        Course {
            input,
            is_over: false,
            lines: Lines::default(),
            routes: Routes::new(loggers, &stream.routes),
            sinks: loggers
                .iter()
                .map(|it| Sink::new(it, dress(it), logs))
                .collect(),
        }
    };
    let requests = tools.requests.map(|input| {
        if logs.requests.loggers.is_empty() {
            course(input, &loggers, &logs.app, false)
        } else {
            course(input, &logs.requests.loggers, &logs.requests, false)
        }
    });
    let app = course(tools.app, &loggers, &logs.app, true);
    std::iter::once(app).chain(requests).collect()
}

/// The file of `logto` is a logger like any other; where there is none, lines go to the emperor's log.
fn own_loggers(stream: &LogStream, logto: Option<&Path>) -> Vec<Logger> {
    let unnamed = |target| Logger { name: None, target };
    let file = |path: PathBuf| LogTarget::File {
        path,
        rotation: LogRotation::default(),
    };
    let logto = logto.map(|path| unnamed(file(path.to_owned())));
    let mut loggers: Vec<_> = logto
        .into_iter()
        .chain(stream.loggers.iter().cloned())
        .collect();
    if loggers.iter().all(|logger| logger.name.is_some()) {
        loggers.push(unnamed(LogTarget::Emperor));
    }
    loggers
}

fn each_sink(courses: &mut [Course<'_>], action: impl Fn(&mut Sink)) {
    for course in courses {
        course.sinks.iter_mut().for_each(&action);
    }
}

/// Waits for something to do. What has waited for its end too long counts as a line.
fn wait<'a>(
    courses: &mut [Course<'_>],
    told_by: impl Iterator<Item = BorrowedFd<'a>>,
    selection: &Selection,
) {
    let has_rest = courses.iter().any(|course| course.lines.has_rest());
    let open = courses.iter().filter(|course| !course.is_over);
    let inputs = open.map(|course| PollFd::from_borrowed_fd(course.input, PollFlags::IN));
    let told_by = told_by.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    let mut fds: Vec<_> = inputs.chain(told_by).collect();
    let ready = poll(&mut fds, has_rest.then_some(&PATIENCE));
    drop(fds);
    if ready == Ok(0) {
        for course in courses {
            course.finish(selection);
        }
    }
}

/// Tells the master when the first logger begins to fail, and when the last works again.
fn tell(trouble: BorrowedFd<'_>, courses: &[Course<'_>], told: &mut u8) {
    let mut sinks = courses.iter().flat_map(|course| &course.sinks);
    let failing = sinks.find_map(Sink::failing);
    let byte = failing.map_or(0, |number| u8::try_from(number).unwrap_or(u8::MAX));
    if (byte == 0) != (*told == 0) {
        *told = byte;
        // The pipe holds thousands of bytes; if the master does not read, nothing is lost.
        let _ = rustix::io::write(trouble, &[byte]);
    }
}

impl Course<'_> {
    /// Takes in what is there, up to one buffer of it.
    /// Whether there may be more.
    fn read(&mut self, buffer: &mut [u8], selection: &Selection) -> bool {
        if self.is_over {
            return false;
        }
        match rustix::io::read(self.input, &mut *buffer) {
            Ok(0) => {
                self.is_over = true;
                self.finish(selection);
            }
            Ok(count) => {
                let Self {
                    lines,
                    routes,
                    sinks,
                    ..
                } = self;
                let now = since_1970();
                let bytes = buffer.get(..count).unwrap_or_default();
                lines.push(bytes, |line| lead(line, now, selection, routes, sinks));
                return true;
            }
            Err(Errno::INTR) => return true,
            Err(Errno::AGAIN) => {}
            Err(_) => self.is_over = true,
        }
        false
    }

    fn finish(&mut self, selection: &Selection) {
        let Self {
            lines,
            routes,
            sinks,
            ..
        } = self;
        lines.finish(|line| lead(line, since_1970(), selection, routes, sinks));
    }
}

fn lead(line: &[u8], now: Duration, selection: &Selection, routes: &Routes, sinks: &mut [Sink]) {
    if selection.takes(line) {
        routes.lead(line, |place| {
            if let Some(sink) = sinks.get_mut(place) {
                sink.push(line, now);
            }
        });
    }
}

fn since_1970() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default()
}

/// The reading end of a pipe that this process never waits at, and the other end.
pub(super) fn pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let (input, output) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&input, true)?;
    Ok((input, output))
}
