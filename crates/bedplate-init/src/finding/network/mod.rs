//! An image at servers: an address, a description that is believed, the image itself, and the network left as
//! it was found.

mod connection;
mod download;
mod lease;
mod links;
mod servers;
mod tls;

use bedplate_boot::CommandLine;
use bedplate_boot::root::Trust;
use bedplate_finding::http::Url;

use self::connection::Client;
use self::servers::Servers;
use super::description::Description;
use super::devices::Devices;
use super::image::mount_from_memory;
use super::stopping::Stop;

/// Mounts the image that any of these servers has. The machine's memory is looked at before it is fetched.
pub fn from_servers(
    trust: &Trust,
    devices: &mut Devices,
    line: &CommandLine,
    urls: &[String],
) -> Result<Description, Stop> {
    let urls = urls.iter().map(|url| Url::parse(url));
    let urls: Vec<Url> = urls
        .collect::<Result<_, _>>()
        .map_err(|error| Stop::because("cannot fetch the description of the root", error))?;
    let network = lease::obtain(devices, line)?;
    let client = Client::default();
    let servers = Servers::new(&client, line);
    let description = download::fetch_description(&servers, &urls, trust)?;
    description.check_memory()?;
    let file = download::fetch_image(&servers, &urls, &description)?;
    network.leave();
    mount_from_memory(&file, &description, devices)?;
    Ok(description)
}
