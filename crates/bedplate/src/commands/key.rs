//! `bedplate key`

use std::process::ExitCode;

use bedplate_boot::trust;

use crate::command_line::KeyCommand;
use crate::keys;
use crate::output::say;
use crate::report::Failure;

pub fn run(command: KeyCommand, json: bool) -> Result<ExitCode, Failure> {
    let seed = match &command {
        KeyCommand::Generate { file } => keys::generate(file)?,
        KeyCommand::Show { file } => keys::read(file)?,
    };
    let key = trust::public_key(&seed);
    if json {
        say!("{}", serde_json::json!({ "public": key }));
    } else {
        say!("{key}");
    }
    Ok(ExitCode::SUCCESS)
}
