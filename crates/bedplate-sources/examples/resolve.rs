//! Resolves what is named on the command line, and says how long it took: `resolve CACHE REFERENCE…`,
//! where `packages:SUITE:NAME,NAME` (with `!` before the names: without dependencies) is understood too.
#![allow(clippy::print_stdout, clippy::unwrap_used)]
use bedplate_sources::{Options, Sources};
use bedplate_spec::lock::{Dependencies, ImageRequest, PackageRequest};
use bedplate_types::{Arch, Silent};

fn main() {
    let mut args = std::env::args().skip(1);
    let store = bedplate_store::Store::open(args.next().unwrap().as_ref()).unwrap();
    let sources = Sources::new(&store, Options::new(Arch::Amd64, "."), &Silent);
    for text in args {
        let started = std::time::Instant::now();
        let request = match text
            .strip_prefix("packages:")
            .and_then(|rest| rest.split_once(':'))
        {
            Some((suite, names)) => ImageRequest::Packages(PackageRequest {
                suite: Some(suite.to_owned()).filter(|suite| !suite.is_empty()),
                components: Vec::new(),
                mirror: None,
                include: names
                    .trim_start_matches('!')
                    .split(',')
                    .map(str::to_owned)
                    .collect(),
                dependencies: if names.starts_with('!') {
                    Dependencies::None
                } else {
                    Dependencies::Required
                },
            }),
            None => ImageRequest::Reference(text.parse().unwrap()),
        };
        match sources.resolve(&request) {
            Ok(image) => {
                let names: Vec<String> = image
                    .packages
                    .iter()
                    .map(|p| format!("{}={}", p.name, p.version))
                    .collect();
                println!(
                    "{text}: {} layers {} in {:?}",
                    image.layers.len(),
                    names.join(" "),
                    started.elapsed()
                );
            }
            Err(error) => println!(
                "{text}: {error} {:?} {:?} {:?}",
                error.kind(),
                std::error::Error::source(&error),
                error.hint()
            ),
        }
    }
}
