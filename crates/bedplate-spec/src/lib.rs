//! Host YAML to a checked spec, and a spec with its lock to a build plan.
//!
//! ```text
//! text --Load--> SpecFile --merge, check--> Spec --requests--> (resolved outside: Lock) --plan--> BuildPlan
//! ```
//!
//! Pure: no files, network, processes, clock or environment. What comes from outside comes as an
//! argument: text through [`Load`], variables as [`Variables`], images as a [`lock::Lock`].
//! Every mistake of all files is reported at once, with its place ([`Diagnostics`]).

mod check;
mod diagnostics;
mod findings;
mod gathering;
pub mod language;
mod loading;
pub mod lock;
pub mod lock_file;
mod plan;
pub mod planning;
mod reading;
mod reference;
mod rendering;
mod scalars;
mod schema;
mod settings;
mod spec;
mod suggestions;
mod variables;
mod written;
mod yaml;

pub use diagnostics::{Diagnostic, Diagnostics, Position, Severity};
pub use loading::{Load, LoadError, Scope, SourceText};
pub use plan::{PlanOptions, plan};
pub use reference::reference_markdown;
pub use schema::schema;
pub use settings::{Device, Id, Settings};
pub use spec::{
    BaseImage, Container, HostFile, HostFileKind, InitImage, Kernel, MetadataForm, Place, Spec,
    Volume, VolumeFormat,
};
pub use variables::{Variables, mentioned};

/// Reads the spec files in order, with what they include, and merges and checks them.
pub fn parse(
    specs: &[String],
    load: &dyn Load,
    variables: &Variables,
) -> Result<Spec, Diagnostics> {
    check::merge(gathering::gather(specs, load, variables), variables)
}

/// Reads one spec file from bytes that may be anything, without includes: the entry for fuzzing.
pub fn parse_bytes(bytes: &[u8]) -> Result<Spec, Diagnostics> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            return Err(Diagnostic::error("the file is not UTF-8 text")
                .in_file("-")
                .into());
        }
    };
    let source = SourceText {
        label: "-".into(),
        id: "-".into(),
        dir: "/".into(),
        text,
        scope: Scope::default(),
    };
    let variables = Variables::new();
    check::merge(gathering::gather_text(source, &variables), &variables)
}
