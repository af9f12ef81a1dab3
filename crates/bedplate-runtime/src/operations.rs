//! What each operation does, with libcontainer.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bedplate_sys::children;
use bedplate_sys::device_filter::DeviceRule;
use bedplate_sys::polling::{self, Interest};
use bedplate_sys::signals::{Signal, Signals};
use libcontainer::container::Container;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::error::LibcontainerError;
use libcontainer::syscall::syscall::SyscallType;
use serde_json::Value;

use crate::arguments::{Creation, Invocation, Operation};
use crate::bundle::{self, BundleError, Changed};
use crate::devices::{self, MalformedRule};
use crate::host_devices;
use crate::network;
use crate::reporting;
use crate::workload::Program;

/// An operation failed.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The command line is wrong.
    #[error("{0}")]
    Misused(String),
    /// The bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A device rule cannot be understood.
    #[error(transparent)]
    Devices(#[from] MalformedRule),
    /// libcontainer gave up.
    #[error("cannot {doing} the container `{id}`")]
    Container {
        /// `make`, `start`, …
        doing: &'static str,
        /// Which.
        id: String,
        /// Why.
        source: Box<LibcontainerError>,
    },
    /// A file of ours.
    #[error("cannot {doing}")]
    File {
        /// What, as a verb and its object.
        doing: String,
        /// Why.
        source: io::Error,
    },
}

/// Does it, and gives the exit status.
pub fn carry_out(invocation: &Invocation) -> Result<i32, OperationError> {
    let Invocation {
        root,
        operation,
        id,
    } = invocation;
    match operation {
        Operation::Create(creation) => create(root, id, creation).map(|_| 0),
        Operation::Run(creation) => {
            let mut container = create(root, id, creation)?;
            container.start().map_err(failed("start", id)).map(|()| 0)
        }
        Operation::Start => load(root, id)?
            .start()
            .map_err(failed("start", id))
            .map(|()| 0),
        Operation::Exec {
            detach,
            pid_file,
            command,
        } => exec(root, id, pid_file.as_deref(), command, *detach),
        Operation::State => state(root, id),
        Operation::Kill { signal } => {
            let signal = libcontainer::signal::Signal::try_from(signal.as_str())
                .map_err(|_| OperationError::Misused(format!("there is no signal `{signal}`")))?;
            load(root, id)?
                .kill(signal, false)
                .map_err(failed("signal", id))
                .map(|()| 0)
        }
        Operation::Delete { force } => delete(root, id, *force),
    }
}

fn failed(doing: &'static str, id: &str) -> impl FnOnce(LibcontainerError) -> OperationError {
    let id = id.to_owned();
    move |source| OperationError::Container {
        doing,
        id,
        source: Box::new(source),
    }
}

fn load(root: &Path, id: &str) -> Result<Container, OperationError> {
    Container::load(root.join(id)).map_err(failed("find", id))
}

fn builder(
    root: &Path,
    id: &str,
    pid_file: Option<&Path>,
) -> Result<ContainerBuilder, LibcontainerError> {
    let builder = ContainerBuilder::new(id.to_owned(), SyscallType::default()).validate_id()?;
    Ok(builder
        .with_root_path(root)?
        .with_pid_file(pid_file)?
        .with_executor(Program))
}

fn create(root: &Path, id: &str, creation: &Creation) -> Result<Container, OperationError> {
    let file_error = |doing: String| move |source| OperationError::File { doing, source };
    fs::create_dir_all(root).map_err(file_error(format!("make `{}`", root.display())))?;
    let given = creation.bundle.canonicalize();
    let given = given.map_err(file_error(format!(
        "find the bundle `{}`",
        creation.bundle.display()
    )))?;
    let changed = bundle::prepare(&given, root, id)?;
    let rules = devices::rules(&changed.config)?;
    let made = builder(root, id, creation.pid_file.as_deref()).and_then(|builder| {
        builder
            .as_init(&changed.directory)
            .with_systemd(false)
            .with_detach(true)
            .build()
    });
    let container = made.map_err(failed("make", id))?;
    // Its first process waits for `start`, and is in its cgroup and namespaces: nothing of it runs before this.
    complete(
        &changed,
        container.pid().map(|pid| pid.as_raw().unsigned_abs()),
        &rules,
    )
    .map_err(|source| OperationError::File {
        doing: format!("give `{id}` its /dev"),
        source,
    })?;
    Ok(container)
}

/// What libcontainer leaves undone. The last step leaves the host's file systems behind.
fn complete(changed: &Changed, pid: Option<u32>, rules: &[DeviceRule]) -> io::Result<()> {
    if let Err(error) = devices::enforce(&changed.config, rules) {
        reporting::print(&format!(
            "config.json: device rules have no effect: {error}"
        ));
    }
    let pid = pid.ok_or(io::ErrorKind::NotFound)?;
    if network::is_new(&changed.config)
        && let Err(error) = network::bring_loopback_up(pid)
    {
        reporting::print(&format!("cannot set the loopback interface up: {error}"));
    }
    match &changed.host_devices {
        Some(devices) => host_devices::put(devices, pid),
        None if host_devices::is_own_and_readonly(&changed.config) => {
            host_devices::make_readonly(pid)
        }
        None => Ok(()),
    }
}

/// Runs a command with everything that the container's own process has but its arguments.
fn exec(
    root: &Path,
    id: &str,
    pid_file: Option<&Path>,
    command: &[String],
    detach: bool,
) -> Result<i32, OperationError> {
    let process = root
        .join(".bundles")
        .join(format!("{id}.exec-{}", std::process::id()));
    write_process(&bundle::changed_bundle(root, id), &process, command).map_err(|source| {
        OperationError::File {
            doing: format!("prepare a command in `{id}`"),
            source,
        }
    })?;
    let started = builder(root, id, pid_file).and_then(|builder| {
        builder
            .as_tenant()
            .with_detach(true)
            .with_process(Some(process.clone()))
            .build()
    });
    // It has been read, or never will be.
    let _ = fs::remove_file(&process);
    let pid = started.map_err(failed("run a command in", id))?;
    if detach {
        return Ok(0);
    }
    let code = wait_and_forward(pid.as_raw().unsigned_abs());
    code.map_err(|source| OperationError::File {
        doing: format!("wait for the command in `{id}`"),
        source,
    })
}

/// Waits for a command. Who ends this process means the command.
fn wait_and_forward(pid: u32) -> io::Result<i32> {
    let signals = Signals::catch(&[Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP])?;
    loop {
        while let Some(ended) = children::reap() {
            if ended.pid == pid {
                return Ok(ended.code);
            }
        }
        polling::wait(&[(signals.descriptor(), Interest::Read)], None)?;
        for signal in signals.take() {
            if signal != Signal::CHILD {
                children::signal(pid, signal)?;
            }
        }
    }
}

fn write_process(bundle: &Path, path: &Path, command: &[String]) -> io::Result<()> {
    let config: Value = serde_json::from_slice(&fs::read(bundle.join("config.json"))?)?;
    let mut process = config.get("process").cloned().unwrap_or_default();
    process["args"] = command.into();
    process["terminal"] = false.into();
    fs::write(path, serde_json::to_vec(&process)?)
}

fn state(root: &Path, id: &str) -> Result<i32, OperationError> {
    let container = load(root, id)?;
    let mut text = serde_json::to_vec_pretty(&container.state).expect("a state is plain data");
    text.push(b'\n');
    let written = io::stdout().write_all(&text);
    written.map_err(|source| OperationError::File {
        doing: "print the state".into(),
        source,
    })?;
    Ok(0)
}

/// With `force`, a container that was never made, or not whole, is forgotten without complaint.
fn delete(root: &Path, id: &str, force: bool) -> Result<i32, OperationError> {
    let directory: PathBuf = root.join(id);
    let deleted = match Container::load(directory.clone()) {
        Ok(mut container) => container.delete(force).map_err(failed("delete", id)),
        Err(_) if force => Ok(()),
        Err(error) => Err(failed("find", id)(error)),
    };
    if deleted.is_ok() {
        for leftover in [directory, bundle::changed_bundle(root, id)] {
            // Most often there is none.
            let _ = fs::remove_dir_all(leftover);
        }
    }
    deleted.map(|()| 0)
}
