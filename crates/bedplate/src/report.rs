//! Failures: the one place that prints the chain, the hint and chooses the exit code.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use bedplate_build::{BuildError, ImageError, SignerError};
use bedplate_run::RunError;
use bedplate_sources::{ErrorKind, SourceError};
use bedplate_spec::{Diagnostic, Diagnostics, Position, Severity};
use bedplate_store::StoreError;
use bedplate_sys::tool::ToolError;

use crate::output::say;

/// Why a command failed: messages for people, and an exit code for programs.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    messages: Vec<Message>,
}

#[derive(Debug, Default)]
struct Message {
    text: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// File of a spec, and where in it.
    place: Option<(String, Option<Position>)>,
    /// Found beside the errors: it alone would stop nothing.
    is_warning: bool,
}

impl Failure {
    pub fn new(code: u8, text: impl Into<String>) -> Self {
        Self {
            code,
            messages: vec![Message {
                text: text.into(),
                ..Message::default()
            }],
        }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.messages.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }

    /// A file that could not be read or written.
    pub fn io(text: &str, error: &std::io::Error) -> Self {
        Self::caused(6, text.to_owned(), error)
    }

    /// With an error and its causes as the cause.
    pub fn caused(code: u8, text: String, error: &dyn Error) -> Self {
        let mut failure = Self::of(code, error, None);
        let message = &mut failure.messages[0];
        let first = std::mem::replace(&mut message.text, text);
        message.causes.insert(0, first);
        failure
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
                say!("{}", message.json(self.code));
            } else {
                eprintln!("{message}");
            }
        }
        ExitCode::from(self.code)
    }
}

impl Message {
    fn label(&self) -> &'static str {
        if self.is_warning { "warning" } else { "error" }
    }

    fn json(&self, code: u8) -> serde_json::Value {
        let mut value = serde_json::json!({
            self.label(): self.text, "causes": self.causes, "hint": self.hint, "exitCode": code,
        });
        if let Some((file, at)) = &self.place {
            value["file"] = file.as_str().into();
            value["line"] = at.map(|at| at.line).into();
            value["column"] = at.map(|at| at.column).into();
        }
        value
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.label())?;
        match &self.place {
            Some((file, Some(Position { line, column }))) => write!(f, "{file}:{line}:{column}: ")?,
            Some((file, None)) => write!(f, "{file}: ")?,
            None => {}
        }
        f.write_str(&self.text)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        let message = |diagnostic: &Diagnostic| Message {
            text: diagnostic.message.clone(),
            causes: Vec::new(),
            hint: diagnostic.hint.clone(),
            place: diagnostic.file.clone().map(|file| (file, diagnostic.at)),
            is_warning: diagnostic.severity == Severity::Warning,
        };
        Self {
            code: 3,
            messages: diagnostics.iter().map(message).collect(),
        }
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
            BuildError::Store {
                source: StoreError::Damaged(_),
                ..
            } => 5,
            BuildError::Io { .. }
            | BuildError::Store { .. }
            | BuildError::Tar { .. }
            | BuildError::Format { .. } => 6,
            BuildError::Input { .. } | BuildError::Unrepresentable { .. } => 3,
            BuildError::NoProgram { .. } => 7,
            BuildError::Tool { source, .. } => match source {
                ToolError::Missing { .. } => 7,
                _ => 6,
            },
        };
        Self::of(code, &error, error.hint())
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let code = if error.is_malformed() { 5 } else { 6 };
        Self::of(code, &error, error.hint().map(str::to_owned))
    }
}

impl From<SignerError> for Failure {
    fn from(error: SignerError) -> Self {
        let code = match &error {
            SignerError::Read { .. } => 6,
            _ => 2,
        };
        Self::of(code, &error, error.hint())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::UnknownName(_) => 1,
            StoreError::Mismatch { .. } | StoreError::Damaged(_) => 5,
            _ => 6,
        };
        Self::of(code, &error, error.hint())
    }
}

/// What the parser of the command line says, in one sentence.
impl From<&clap::Error> for Failure {
    fn from(error: &clap::Error) -> Self {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        Self::new(2, first.trim_start_matches("error: ")).hint("`--help` tells what it takes")
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
