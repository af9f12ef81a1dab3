//! HTTP/1.1, as much of it as fetching a file takes (RFC 9110, RFC 9112): a request, the head of the answer, and
//! where its body ends. One request a connection.

mod body;
mod head;
mod url;

pub use body::{Body, BodyError, Chunks};
pub use head::{BadHead, Head, LONGEST_HEAD, request};
pub use url::{BadUrl, Scheme, Url};
