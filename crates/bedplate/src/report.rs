//! Failures: the one place that prints the chain, the hint and chooses the exit code.

use std::error::Error;
use std::process::ExitCode;

use bedplate_build::BuildError;
use bedplate_run::RunError;
use bedplate_sources::{ErrorKind, SourceError};
use bedplate_spec::Diagnostics;
use bedplate_store::StoreError;
use bedplate_sys::tool::ToolError;

use crate::output::say;

/// Why a command failed: messages for people, and an exit code for programs.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    text: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// Complete as it is: `FILE:LINE:COLUMN` and hints are in it.
    rendered: bool,
}

impl Failure {
    pub fn new(code: u8, text: impl Into<String>) -> Self {
        Self {
            code,
            messages: vec![Message {
                text: text.into(),
                causes: Vec::new(),
                hint: None,
                rendered: false,
            }],
        }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.messages.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }

    fn of(code: u8, error: &dyn Error, hint: Option<String>) -> Self {
        let mut failure = Self::new(code, error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            failure.messages[0].causes.push(error.to_string());
            cause = error.source();
        }
        failure.messages[0].hint = hint;
        failure
    }

    /// Prints it and gives the exit code.
    pub fn tell(self, json: bool) -> ExitCode {
        for message in &self.messages {
            if json {
                let value = serde_json::json!({
                    "error": message.text, "causes": message.causes, "hint": message.hint, "exitCode": self.code,
                });
                say!("{value}");
            } else if message.rendered {
                eprintln!("{}", message.text.trim_end());
            } else {
                eprintln!("error: {}", message.text);
                for cause in &message.causes {
                    eprintln!("  caused by: {cause}");
                }
                if let Some(hint) = &message.hint {
                    eprintln!("hint: {hint}");
                }
            }
        }
        ExitCode::from(self.code)
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        let mut failure = Self::new(3, diagnostics.to_string());
        failure.messages[0].rendered = true;
        failure
    }
}

impl From<Vec<SourceError>> for Failure {
    fn from(errors: Vec<SourceError>) -> Self {
        let code = errors.first().map_or(1, |error| code_of(error.kind()));
        let messages = errors
            .iter()
            .flat_map(|error| Self::of(code, error, error.hint()).messages)
            .collect();
        Self { code, messages }
    }
}

fn code_of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NotFound | ErrorKind::Unauthorised | ErrorKind::Network => 4,
        ErrorKind::Integrity | ErrorKind::BadInput => 5,
        ErrorKind::NoSpace | ErrorKind::Io => 6,
        ErrorKind::ToolMissing => 7,
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let code = match &error {
            BuildError::Merge { .. } | BuildError::Archive { .. } => 5,
            BuildError::Io { .. } | BuildError::Store { .. } | BuildError::Tar { .. } => 6,
            BuildError::Input { .. } | BuildError::Unrepresentable { .. } => 3,
            BuildError::NoProgram { .. } => 7,
        };
        Self::of(code, &error, error.hint())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::of(6, &error, error.hint())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let code = match &error {
            RunError::Tool(ToolError::Missing { .. }) => 7,
            RunError::Io { .. } => 6,
            RunError::Option { .. } => 2,
            _ => 1,
        };
        let mut failure = Self::of(code, &error, error.hint());
        if let Some(console) = error.console().filter(|console| !console.is_empty()) {
            let text = format!("the console ended with:\n{}", console.trim_end());
            failure.messages[0].causes.push(text);
        }
        failure
    }
}
