//! Does what the supervisor decides.

use std::path::Path;

use bedplate_boot::control::Event;
use bedplate_sys::children::{self, Signal};

use super::children::Child;
use super::{Engine, now};
use crate::console;
use crate::containers::preparation::{self, Turn};
use crate::containers::{attaching, read_runtime, runtime_calls};
use crate::supervision::{Action, Happening, UnitId};

impl Engine {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Create(id) => {
                if let Err(message) = self.create(id) {
                    self.queue.push_back(Happening::Created(id, Err(message)));
                }
            }
            Action::Launch(id) => {
                if let Err(message) = self.launch(id) {
                    self.queue.push_back(Happening::Launched(id, Err(message)));
                }
            }
            Action::Terminate(id) => self.terminate(id),
            Action::Kill(id) => self.signal(id, Signal::KILL),
            Action::Abandon(id) => self.abandon(id),
            Action::Delete(id) => self.delete(id),
            Action::Probe(id) => self.probe(id),
            Action::Report(container) => {
                console::detail(format_args!(
                    "{} `{}` is {:?}",
                    container.role, container.name, container.state
                ));
                self.tell(&Event::Container(container));
            }
            Action::Say(text) => console::say(text),
            Action::Up => self.up(),
            Action::StopBoot(message) => self.stop_boot(message),
            Action::End => self.over = true,
        }
    }

    fn up(&mut self) {
        let uptime_ms = now();
        self.up_at = Some(uptime_ms);
        console::say(format_args!(
            "up after {}.{:03} s",
            uptime_ms / 1000,
            uptime_ms % 1000
        ));
        self.tell(&Event::Up { uptime_ms });
    }

    fn create(&mut self, id: UnitId) -> Result<(), String> {
        let bundle = self.supervisor.entry(id).bundle.clone();
        let runtime = read_runtime(&bundle).map_err(|error| console::chain(&error))?;
        let turn = if self.prepared.contains(&id) {
            Turn::Again
        } else {
            Turn::First
        };
        let path = Path::new(&bundle);
        let steps =
            preparation::plan(path, &runtime, turn).map_err(|error| console::chain(&error))?;
        let sources = preparation::sources_of_root(path, &steps);
        self.steps.insert(id, steps.clone());
        preparation::apply(&steps).map_err(|error| console::chain(&error))?;
        self.prepared.insert(id);
        for source in sources {
            self.attributes.apply_below(&source, &path.join("rootfs"));
        }
        self.call_create(id, &bundle)
            .map_err(|error| format!("cannot run the container runtime: {error}"))
    }

    fn call_create(&mut self, id: UnitId, bundle: &str) -> std::io::Result<()> {
        self.open_stream(id)?;
        let entry = self.supervisor.entry(id);
        console::detail(format_args!(
            "{} `{}`: creating",
            entry.role.word(),
            entry.name
        ));
        let runtime_id = entry.runtime_id();
        let writer = self.writer(id)?;
        let pid = runtime_calls::create(&runtime_id, bundle, writer)?;
        self.children.insert(pid, Child::Create(id));
        Ok(())
    }

    fn launch(&mut self, id: UnitId) -> Result<(), String> {
        let entry = self.supervisor.entry(id);
        let runtime = read_runtime(&entry.bundle).map_err(|error| console::chain(&error))?;
        let steps = attaching::plan(&runtime).map_err(|error| console::chain(&error))?;
        let first = entry.pid.ok_or("its first process is gone")?;
        let runtime_id = entry.runtime_id();
        attaching::apply(&steps, first).map_err(|error| console::chain(&error))?;
        let started = self
            .writer(id)
            .and_then(|writer| runtime_calls::start(&runtime_id, writer));
        let pid = started.map_err(|error| format!("cannot run the container runtime: {error}"))?;
        self.children.insert(pid, Child::Start(id));
        Ok(())
    }

    /// Asks a container to end.
    fn terminate(&mut self, id: UnitId) {
        let Some(pid) = self.supervisor.entry(id).pid else {
            return;
        };
        let signal = children::terminating_signal(pid);
        self.signal(id, signal);
    }

    fn signal(&mut self, id: UnitId, signal: Signal) {
        let entry = self.supervisor.entry(id);
        if let Some(pid) = entry.pid
            && let Err(error) = children::signal(pid, signal)
        {
            console::warn(format_args!("send a signal to `{}`", entry.name), &error);
        }
    }

    fn abandon(&mut self, id: UnitId) {
        let runtimes = [Child::Create(id), Child::Start(id)];
        for (pid, _) in self
            .children
            .iter()
            .filter(|(_, child)| runtimes.contains(child))
        {
            // It may have ended in this very moment.
            let _ = children::signal(*pid, Signal::KILL);
        }
    }

    fn delete(&mut self, id: UnitId) {
        self.finish_stream(id);
        match runtime_calls::delete(&self.supervisor.entry(id).runtime_id()) {
            Ok(pid) => {
                self.children.insert(pid, Child::Delete(id));
            }
            Err(error) => {
                console::warn("run the container runtime", &error);
                self.clean_up(id);
            }
        }
    }

    /// The runtime has forgotten a container: its mounts go too.
    pub(super) fn clean_up(&mut self, id: UnitId) {
        if let Some(steps) = self.steps.remove(&id) {
            preparation::undo(Path::new(&self.supervisor.entry(id).bundle), &steps);
        }
        self.queue.push_back(Happening::Deleted(id));
    }
}
