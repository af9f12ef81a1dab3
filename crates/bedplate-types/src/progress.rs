//! How libraries tell what they are doing. They never print: the program decides how it looks.

/// Receives the steps of long work. Implementations are cheap and may be called from any thread.
pub trait Progress: Send + Sync {
    /// Work named `what` begins; `total` is its size in bytes where that is known.
    fn begin(&self, what: &str, total: Option<u64>) -> Box<dyn Task>;

    /// Something worth telling that is not an error and does not stop the work.
    fn warn(&self, message: &str);
}

/// One piece of work that was begun. Dropping it ends the work.
pub trait Task: Send + Sync {
    /// `bytes` more are done.
    fn advance(&self, bytes: u64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &str, _total: Option<u64>) -> Box<dyn Task> {
        Box::new(Self)
    }

    fn warn(&self, _message: &str) {}
}

impl Task for Silent {
    fn advance(&self, _bytes: u64) {}
}
