//! Progress: bars on a terminal, plain lines elsewhere, only warnings with `--json`.

use std::io::IsTerminal;
use std::time::Instant;

use bedplate_types::{ByteSize, Progress, Silent, Task};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// What fits where standard error goes.
pub fn reporter(json: bool) -> Box<dyn Progress> {
    if json {
        Box::new(Warnings)
    } else if std::io::stderr().is_terminal() {
        Box::new(Bars(MultiProgress::new()))
    } else {
        Box::new(Lines)
    }
}

struct Bars(MultiProgress);
struct Bar(ProgressBar);

impl Progress for Bars {
    fn begin(&self, what: &str, total: Option<u64>) -> Box<dyn Task> {
        let template = match total {
            Some(_) => "{msg:40!} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}",
            None => "{spinner} {msg:40!} {bytes} {bytes_per_sec}",
        };
        let bar = self
            .0
            .add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
        bar.set_message(what.to_owned());
        Box::new(Bar(bar))
    }

    fn warn(&self, message: &str) {
        // Nobody is told if the terminal has gone.
        let _ = self.0.println(format!("warning: {message}"));
    }
}

impl Task for Bar {
    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

struct Warnings;

impl Progress for Warnings {
    fn begin(&self, what: &str, total: Option<u64>) -> Box<dyn Task> {
        Silent.begin(what, total)
    }

    fn warn(&self, message: &str) {
        Lines.warn(message);
    }
}

struct Lines;
struct Line {
    what: String,
    total: Option<u64>,
    began: Instant,
}

impl Progress for Lines {
    fn begin(&self, what: &str, total: Option<u64>) -> Box<dyn Task> {
        Box::new(Line {
            what: what.to_owned(),
            total,
            began: Instant::now(),
        })
    }

    fn warn(&self, message: &str) {
        eprintln!("warning: {message}");
    }
}

impl Task for Line {
    fn advance(&self, _bytes: u64) {}
}

impl Drop for Line {
    fn drop(&mut self) {
        let size = self
            .total
            .map(|total| format!(" ({})", ByteSize(total)))
            .unwrap_or_default();
        eprintln!(
            "{}{size}: {:.2} s",
            self.what,
            self.began.elapsed().as_secs_f64()
        );
    }
}
