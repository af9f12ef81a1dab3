//! `after:`: names must be those of services, and services must not wait for each other in a circle.

use std::collections::BTreeMap;

use super::containers::{Located, Section};
use crate::diagnostics::Diagnostic;
use crate::suggestions::nearest;

/// Reports unknown names, and each circle once.
pub(super) fn check(containers: &[Located<'_>], found: &mut Vec<Diagnostic>) {
    let services: BTreeMap<&str, &Located<'_>> = containers
        .iter()
        .filter(|(section, ..)| *section == Section::Services)
        .map(|located| (located.2.name.as_str(), located))
        .collect();
    for (_, spot, written) in services.values() {
        for (index, name) in written.after.iter().flatten().enumerate() {
            if services.contains_key(name.as_str()) {
                continue;
            }
            let hint = match nearest(name, services.keys().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if containers.iter().any(|(_, _, other)| other.name == *name) => {
                    "services start when all of `onboot` has ended, so there is no need to say it"
                        .to_owned()
                }
                None => "`after` names other services of this spec".to_owned(),
            };
            let message = format!(
                "the service `{}` waits for `{name}`, which is no service",
                written.name
            );
            found.push(
                spot.inner(&format!("/after/{index}"))
                    .error(message)
                    .hint(hint),
            );
        }
    }
    let mut search = Search {
        services: &services,
        states: BTreeMap::new(),
        path: Vec::new(),
        found,
    };
    for name in services.keys() {
        search.visit(name);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
}

struct Search<'a> {
    services: &'a BTreeMap<&'a str, &'a Located<'a>>,
    states: BTreeMap<&'a str, State>,
    path: Vec<&'a str>,
    found: &'a mut Vec<Diagnostic>,
}

impl<'a> Search<'a> {
    /// Depth first, without recursion: a thousand services may stand in a row.
    fn visit(&mut self, start: &'a str) {
        let mut pending = vec![(start, 0)];
        while let Some((name, next)) = pending.pop() {
            if next == 0 {
                if self.states.contains_key(name) {
                    continue;
                }
                self.states.insert(name, State::Open);
                self.path.push(name);
            }
            let after = self
                .services
                .get(name)
                .and_then(|located| located.2.after.as_deref())
                .unwrap_or_default();
            let Some(target) = after.get(next) else {
                self.states.insert(name, State::Done);
                self.path.pop();
                continue;
            };
            pending.push((name, next + 1));
            let Some((&target, _)) = self.services.get_key_value(target.as_str()) else {
                continue;
            };
            match self.states.get(target) {
                Some(State::Open) => self.circle(name, next, target),
                Some(State::Done) => {}
                None => pending.push((target, 0)),
            }
        }
    }

    fn circle(&mut self, name: &str, index: usize, target: &str) {
        let begin = self.path.iter().position(|one| *one == target).unwrap_or(0);
        let mut chain: Vec<&str> = self.path[begin..].to_vec();
        chain.push(target);
        let Some((_, spot, _)) = self.services.get(name) else {
            return;
        };
        let message = format!("services wait for each other: {}", chain.join(" -> "));
        self.found.push(
            spot.inner(&format!("/after/{index}"))
                .error(message)
                .hint("remove one of these `after`"),
        );
    }
}
