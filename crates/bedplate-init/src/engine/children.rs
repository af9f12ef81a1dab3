//! Processes that ended, and whose they were.

use bedplate_sys::children::{self, Ended};

use super::Engine;
use crate::console;
use crate::containers::runtime_calls;
use crate::supervision::{Happening, UnitId};

/// What a process of PID 1's own was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// The runtime makes a container.
    Create(UnitId),
    /// The runtime lets it go.
    Start(UnitId),
    /// The runtime forgets it.
    Delete(UnitId),
    /// A command asks whether it is ready, in this run of it.
    Probe(UnitId, u32),
    /// A command that a client asked for.
    Job(u64),
    /// The shell of a boot that stopped.
    Shell,
}

impl Engine {
    /// Takes note of all that ended.
    pub(super) fn reap(&mut self) {
        while let Some(ended) = children::reap() {
            if let Some(child) = self.children.remove(&ended.pid) {
                self.child_ended(child, ended);
            } else if let Some(id) = self.supervisor.find_process(ended.pid) {
                self.happen(Happening::Exited(id, ended.code));
            } else if self.supervisor.any_creating() {
                self.strays.push(ended);
            }
            // Others are orphans of containers, and nobody asks for them.
        }
    }

    fn child_ended(&mut self, child: Child, ended: Ended) {
        match child {
            Child::Create(id) => self.created(id, ended.code),
            Child::Start(id) => {
                self.read_stream(id);
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.close_writer();
                }
                let launched = if ended.code == 0 {
                    Ok(())
                } else {
                    Err(runtime_failed(ended.code))
                };
                self.happen(Happening::Launched(id, launched));
            }
            Child::Delete(id) => {
                if ended.code != 0 {
                    console::detail(format_args!(
                        "deleting `{}`: {}",
                        self.supervisor.entry(id).name,
                        runtime_failed(ended.code)
                    ));
                }
                self.clean_up(id);
                self.happen(Happening::Tick);
            }
            Child::Probe(id, run) => self.happen(Happening::Probed(id, run, ended.code == 0)),
            Child::Job(number) => self.job_ended(number, ended.code),
            Child::Shell => console::say(
                "the shell ended; `bedctl reboot` from another console, or reset the machine",
            ),
        }
    }

    fn created(&mut self, id: UnitId, code: i32) {
        self.read_stream(id);
        let first = runtime_calls::first_process(&self.supervisor.entry(id).runtime_id());
        match (code, first) {
            (0, Some(pid)) => {
                self.happen(Happening::Created(id, Ok(pid)));
                if let Some(at) = self.strays.iter().position(|ended| ended.pid == pid) {
                    let ended = self.strays.remove(at);
                    self.happen(Happening::Exited(id, ended.code));
                }
            }
            (0, None) => self.happen(Happening::Created(
                id,
                Err("the container runtime left no pid file".into()),
            )),
            (code, _) => self.happen(Happening::Created(id, Err(runtime_failed(code)))),
        }
        if !self.supervisor.any_creating() {
            self.strays.clear();
        }
    }
}

fn runtime_failed(code: i32) -> String {
    format!("the container runtime failed with status {code}")
}
