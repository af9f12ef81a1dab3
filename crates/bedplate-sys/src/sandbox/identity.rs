//! Which ids of the machine stand behind those of a sandbox (user_namespaces(7), subuid(5)).

use std::fs;

use super::SandboxError;
use crate::tool::Tool;

const SUBUID: &str = "/etc/subuid";
const SUBGID: &str = "/etc/subgid";
/// Ids beside 0.
const COUNT: u32 = 65_535;

/// What user and group ids are mapped to.
#[derive(Debug)]
pub(super) enum Ids {
    /// Every id is itself.
    Root,
    /// 0 is the user, others are subordinate.
    Subordinate { users: Range, groups: Range },
}

/// Where 0 is, and where 1 and those after it are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Range {
    own: u32,
    first: u32,
}

impl Ids {
    pub(super) fn of_this_user() -> Result<Self, SandboxError> {
        let uid = rustix::process::getuid();
        if uid.is_root() {
            let own = fs::read_to_string("/proc/self/uid_map")?;
            return match reach(&own) > u64::from(COUNT) {
                true => Ok(Self::Root),
                false => Err(SandboxError::NarrowRoot),
            };
        }
        let uid = uid.as_raw();
        let name = user_name(&fs::read_to_string("/etc/passwd").unwrap_or_default(), uid);
        let range = |file: &'static str, own: u32| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let first = range_of(&text, name.as_deref(), uid);
            first
                .map(|first| Range { own, first })
                .ok_or_else(|| SandboxError::NoRange {
                    user: name.clone().unwrap_or_else(|| uid.to_string()),
                    file,
                })
        };
        Ok(Self::Subordinate {
            users: range(SUBUID, uid)?,
            groups: range(SUBGID, rustix::process::getgid().as_raw())?,
        })
    }

    /// Maps the ids of a process that is in a new user namespace.
    pub(super) fn map(&self, process: u32) -> Result<(), SandboxError> {
        match self {
            Self::Root => {
                let whole = format!("0 0 {}\n", COUNT + 1);
                fs::write(format!("/proc/{process}/uid_map"), &whole)?;
                fs::write(format!("/proc/{process}/gid_map"), &whole)?;
            }
            Self::Subordinate { users, groups } => {
                for (program, Range { own, first }) in [("newuidmap", users), ("newgidmap", groups)]
                {
                    let numbers = [process, 0, *own, 1, 1, *first, COUNT];
                    Tool::new(program, "uidmap")
                        .args(numbers.map(|number| number.to_string()))
                        .output()?;
                }
            }
        }
        Ok(())
    }
}

/// How many ids from 0 on a `uid_map` has.
fn reach(map: &str) -> u64 {
    let mut reach = 0;
    for line in map.lines() {
        let numbers: Vec<u64> = line
            .split_whitespace()
            .map_while(|word| word.parse().ok())
            .collect();
        if let [first, _, count] = numbers[..]
            && first == reach
        {
            reach += count;
        }
    }
    reach
}

fn user_name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// The first id of the first range that is large enough.
fn range_of(text: &str, name: Option<&str>, uid: u32) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let whose = fields.next()?;
        let first = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let is_ours = name == Some(whose) || whose.parse() == Ok(uid);
        (is_ours && count >= COUNT).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_may_have_few_ids() {
        assert_eq!(reach("         0          0 4294967295\n"), 4_294_967_295);
        assert_eq!(reach("0 1000 1\n1 100000 65536\n"), 65_537);
        assert_eq!(reach("0 1000 1\n"), 1);
        assert_eq!(reach("1000 1000 1\n"), 0);
    }

    #[test]
    fn a_range_is_found_by_name_and_by_number() {
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(user_name(passwd, 1000).as_deref(), Some("ann"));
        assert_eq!(user_name(passwd, 1001), None);
        let text = "bob:100000:65536\nann:165536:1000\nann:200000:65536\n1001:300000:65536\n";
        assert_eq!(range_of(text, Some("ann"), 1000), Some(200_000));
        assert_eq!(range_of(text, None, 1001), Some(300_000));
        assert_eq!(range_of(text, Some("eve"), 1002), None);
    }
}
