//! The last step of a container's first process: it becomes the program.

use std::ffi::OsStr;

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};

/// Unlike libcontainer's own, this asks the kernel alone whether a program can be run: programs of mode 0700
/// and environments without `PATH` are as good here as they are with runc.
#[derive(Clone)]
pub struct Program;

impl Executor for Program {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let arguments = spec
            .process()
            .as_ref()
            .and_then(|process| process.args().as_ref());
        let Some((program, rest)) = arguments.and_then(|arguments| arguments.split_first()) else {
            return Err(ExecutorError::Other("there is no command to run".into()));
        };
        let error = bedplate_sys::children::become_program(OsStr::new(program), rest);
        Err(ExecutorError::Other(format!(
            "cannot run `{program}`: {error}"
        )))
    }

    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        Ok(())
    }
}
