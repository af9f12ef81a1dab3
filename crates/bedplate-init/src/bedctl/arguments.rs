//! The command line of `bedctl`. By hand: PID 1 is this program too, and should stay small.

use bedplate_boot::control::Request;

/// What `--help` prints.
pub const HELP: &str = "\
bedctl: the control tool inside a host

Usage: bedctl [--json] COMMAND

Commands:
  list                       all containers and their states
  status NAME                one of them
  start NAME                 start a service that is stopped
  stop NAME                  stop a service (SIGTERM, after 10 s SIGKILL)
  restart NAME               stop, then start
  logs [-f] [-n N] NAME      what it wrote; -f: go on, -n: the last N lines
  exec [NAME] -- CMD [ARG…]  run a command in a service's container, or in the host's root
  watch                      what happens, as it happens
  poweroff                   shut down cleanly and power off
  reboot                     shut down cleanly and reboot

Options:
  --json                     answers as JSON, one value a line
  -h, --help                 this text
  -V, --version              the version

Exit status: 0 done, 1 the host refused or could not be asked, 2 wrong command line;
with exec, the status of the command.
";

/// What is to be done, and how it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Invocation {
    /// As JSON?
    pub json: bool,
    /// What.
    pub command: Command,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Ask the host.
    Ask(Request),
    /// List one container.
    Status(String),
}

/// Reads the arguments after the program's name.
pub fn parse(arguments: &[String]) -> Result<Invocation, String> {
    let mut json = false;
    let mut words: Vec<&str> = Vec::new();
    let mut rest = arguments.iter().map(String::as_str);
    // What follows `--` is the command's own.
    let mut trailing: Option<Vec<String>> = None;
    while let Some(word) = rest.next() {
        match word {
            "--" => trailing = Some(rest.by_ref().map(str::to_owned).collect()),
            "--json" => json = true,
            "-h" | "--help" | "help" if words.is_empty() => {
                return Ok(Invocation {
                    json,
                    command: Command::Help,
                });
            }
            "-h" | "--help" => {
                return Ok(Invocation {
                    json,
                    command: Command::Help,
                });
            }
            "-V" | "--version" => {
                return Ok(Invocation {
                    json,
                    command: Command::Version,
                });
            }
            word => words.push(word),
        }
    }
    let Some((command, words)) = words.split_first() else {
        return Err("a command is missing".into());
    };
    if trailing.is_some() && *command != "exec" {
        return Err(format!("`{command}` takes no `--`"));
    }
    Ok(Invocation {
        json,
        command: parse_command(command, words, trailing)?,
    })
}

fn parse_command(
    command: &str,
    words: &[&str],
    trailing: Option<Vec<String>>,
) -> Result<Command, String> {
    let name = || one_name(command, words);
    Ok(match command {
        "list" | "ls" => no_words(command, words, Request::List)?,
        "status" => Command::Status(name()?),
        "start" => Command::Ask(Request::Start { name: name()? }),
        "stop" => Command::Ask(Request::Stop { name: name()? }),
        "restart" => Command::Ask(Request::Restart { name: name()? }),
        "watch" => no_words(command, words, Request::Watch)?,
        "poweroff" => no_words(command, words, Request::Poweroff)?,
        "reboot" => no_words(command, words, Request::Reboot)?,
        "logs" => Command::Ask(parse_logs(words)?),
        "exec" => Command::Ask(parse_exec(words, trailing)?),
        other => return Err(format!("there is no command `{other}`")),
    })
}

fn no_words(command: &str, words: &[&str], request: Request) -> Result<Command, String> {
    match words.first() {
        None => Ok(Command::Ask(request)),
        Some(word) => Err(format!("`{command}` takes no `{word}`")),
    }
}

fn one_name(command: &str, words: &[&str]) -> Result<String, String> {
    match words {
        [name] if !name.starts_with('-') => Ok((*name).to_owned()),
        [] => Err(format!("`{command}` needs the name of a container")),
        [_, word, ..] | [word] => Err(format!("`{command}` takes no `{word}`")),
    }
}

fn parse_logs(words: &[&str]) -> Result<Request, String> {
    let (mut follow, mut lines, mut names) = (false, None, Vec::new());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match *word {
            "-f" | "--follow" => follow = true,
            "-n" | "--lines" => {
                let number = rest.next().and_then(|number| number.parse().ok());
                lines = Some(number.ok_or("`-n` needs a number of lines")?);
            }
            other => names.push(other),
        }
    }
    Ok(Request::Logs {
        name: one_name("logs", &names)?,
        lines,
        follow,
    })
}

fn parse_exec(words: &[&str], trailing: Option<Vec<String>>) -> Result<Request, String> {
    let command = trailing.filter(|command| !command.is_empty());
    let command = command.ok_or("`exec` needs `--` and a command after it")?;
    let container = if words.is_empty() {
        None
    } else {
        Some(one_name("exec", words)?)
    };
    Ok(Request::Exec { container, command })
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

    fn ask(request: Request) -> Result<Invocation, String> {
        Ok(Invocation {
            json: false,
            command: Command::Ask(request),
        })
    }

    #[test]
    fn commands_become_requests() {
        assert_eq!(read("list"), ask(Request::List));
        assert_eq!(read("stop web"), ask(Request::Stop { name: "web".into() }));
        assert_eq!(
            read("logs -f -n 5 web"),
            ask(Request::Logs {
                name: "web".into(),
                lines: Some(5),
                follow: true
            })
        );
        let command = vec!["ls".to_owned(), "--json".to_owned(), "--".to_owned()];
        assert_eq!(
            read("exec web -- ls --json --"),
            ask(Request::Exec {
                container: Some("web".into()),
                command
            })
        );
        assert_eq!(
            read("exec -- id"),
            ask(Request::Exec {
                container: None,
                command: vec!["id".into()]
            })
        );
        assert_eq!(
            read("--json status web"),
            Ok(Invocation {
                json: true,
                command: Command::Status("web".into())
            })
        );
        assert_eq!(read("--help").map(|read| read.command), Ok(Command::Help));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, message) in [
            ("", "a command is missing"),
            ("frob", "there is no command `frob`"),
            ("start", "`start` needs the name of a container"),
            ("start a b", "`start` takes no `b`"),
            ("list x", "`list` takes no `x`"),
            ("logs -n web", "`-n` needs a number of lines"),
            ("exec web", "`exec` needs `--` and a command after it"),
            ("list -- x", "`list` takes no `--`"),
        ] {
            assert_eq!(read(line), Err(message.to_owned()), "{line}");
        }
    }
}
