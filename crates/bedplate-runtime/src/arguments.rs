//! The command line: the part of runc's that PID 1 uses, so that runc or crun can stand in this program's place.

use std::path::PathBuf;

/// What is to be done, and where containers are remembered.
#[derive(Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Directory of the states of containers.
    pub root: PathBuf,
    /// What.
    pub operation: Operation,
    /// Of which container.
    pub id: String,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make a container; its first process waits.
    Create(Creation),
    /// Make it and let it go.
    Run(Creation),
    /// Let its first process go.
    Start,
    /// Run a command in it, and end as it ends.
    Exec {
        /// Return at once.
        detach: bool,
        /// Where to leave the number of the process.
        pid_file: Option<PathBuf>,
        /// Program and arguments.
        command: Vec<String>,
    },
    /// Print its state as JSON.
    State,
    /// Send a signal to its first process.
    Kill {
        /// Which.
        signal: String,
    },
    /// Forget it.
    Delete {
        /// Even if it runs.
        force: bool,
    },
}

/// How a container is made.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Creation {
    /// Directory with `config.json`.
    pub bundle: PathBuf,
    /// Where to leave the number of its first process.
    pub pid_file: Option<PathBuf>,
}

const DEFAULT_ROOT: &str = "/run/bedplate/runtime";

const USAGE: &str = "usage: bedplate-runtime [--root DIR] \
    create|run [--bundle DIR] [--pid-file FILE] ID | start ID | exec [--detach] [--pid-file FILE] ID COMMAND [ARG…] | \
    state ID | kill ID [SIGNAL] | delete [--force] ID";

#[derive(Default)]
struct Options {
    root: Option<PathBuf>,
    bundle: Option<PathBuf>,
    pid_file: Option<PathBuf>,
    force: bool,
    detach: bool,
}

/// Reads the arguments after the program's name.
pub fn parse(arguments: &[String]) -> Result<Invocation, String> {
    let mut options = Options::default();
    let mut words: Vec<String> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        // What follows the container of `exec` is the command's own.
        if words.first().is_some_and(|word| word == "exec") && words.len() >= 2 {
            words.push(argument.clone());
            continue;
        }
        let (option, inline) = match argument.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let value = |rest: &mut std::slice::Iter<'_, String>| {
            inline
                .clone()
                .or_else(|| rest.next().cloned())
                .map(PathBuf::from)
                .ok_or_else(|| format!("`{option}` needs a value"))
        };
        match option {
            "--root" => options.root = Some(value(&mut rest)?),
            "--bundle" | "-b" => options.bundle = Some(value(&mut rest)?),
            "--pid-file" => options.pid_file = Some(value(&mut rest)?),
            "--force" | "-f" => options.force = true,
            "--detach" | "-d" => options.detach = true,
            option if option.starts_with('-') => {
                return Err(format!("there is no option `{option}`; {USAGE}"));
            }
            word => words.push(word.to_owned()),
        }
    }
    interpret(words, options)
}

fn interpret(words: Vec<String>, options: Options) -> Result<Invocation, String> {
    let mut words = words.into_iter();
    let (Some(operation), Some(id)) = (words.next(), words.next()) else {
        return Err(USAGE.to_owned());
    };
    let rest: Vec<String> = words.collect();
    let creation = || Creation {
        bundle: options.bundle.clone().unwrap_or_else(|| ".".into()),
        pid_file: options.pid_file.clone(),
    };
    let operation = match (operation.as_str(), rest.as_slice()) {
        ("create", []) => Operation::Create(creation()),
        ("run", []) => Operation::Run(creation()),
        ("start", []) => Operation::Start,
        ("exec", [_, ..]) => Operation::Exec {
            detach: options.detach,
            pid_file: options.pid_file,
            command: rest,
        },
        ("state", []) => Operation::State,
        ("kill", []) => Operation::Kill {
            signal: "TERM".into(),
        },
        ("kill", [signal]) => Operation::Kill {
            signal: signal.clone(),
        },
        ("delete", []) => Operation::Delete {
            force: options.force,
        },
        _ => return Err(USAGE.to_owned()),
    };
    Ok(Invocation {
        root: options.root.unwrap_or_else(|| DEFAULT_ROOT.into()),
        operation,
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Invocation, String> {
        parse(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_lines_of_pid_1_are_understood() {
        let create = read("--root /r create --bundle /b --pid-file=/p web").unwrap();
        let creation = Creation {
            bundle: "/b".into(),
            pid_file: Some("/p".into()),
        };
        assert_eq!(
            create,
            Invocation {
                root: "/r".into(),
                operation: Operation::Create(creation),
                id: "web".into()
            }
        );
        let exec = read("--root /r exec web ls --root -f").unwrap();
        let command = ["ls", "--root", "-f"].map(str::to_owned).to_vec();
        assert_eq!(
            exec.operation,
            Operation::Exec {
                detach: false,
                pid_file: None,
                command
            }
        );
        assert_eq!(
            read("delete --force web").unwrap().operation,
            Operation::Delete { force: true }
        );
        assert_eq!(read("start web").unwrap().root, PathBuf::from(DEFAULT_ROOT));
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "create",
            "exec web",
            "start web x",
            "frob web",
            "create --frob web",
            "create web --bundle",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
