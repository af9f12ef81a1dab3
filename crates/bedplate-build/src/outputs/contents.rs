//! Bytes of files that are being written, beside those of the store: what one output is made of, another one
//! may hold.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use bedplate_formats::content::ReadContent;
use bedplate_store::Store;
use bedplate_sys::replace::ReplacedFile;
use bedplate_tree::Content;
use bedplate_types::{Digest, Object};

use crate::initrd::Written;

/// Contents by digest, of both kinds.
pub(super) struct Contents<'a> {
    store: &'a Store,
    files: HashMap<Digest<Object>, File>,
}

impl<'a> Contents<'a> {
    /// Those of the store.
    pub(super) fn new(store: &'a Store) -> Self {
        Self {
            store,
            files: HashMap::new(),
        }
    }

    /// And those of a file that was written.
    pub(super) fn add(
        &mut self,
        file: &mut ReplacedFile,
        written: &Written,
    ) -> io::Result<Content> {
        let object = Digest::from_bytes(written.sha256);
        self.files.insert(object, file.file().try_clone()?);
        Ok(Content::Stored {
            object,
            offset: 0,
            len: written.len,
        })
    }

    /// The file that holds a content which was added.
    pub(super) fn file(&self, content: &Content) -> Option<&File> {
        match content {
            Content::Inline(_) => None,
            Content::Stored { object, .. } => self.files.get(object),
        }
    }
}

impl ReadContent for Contents<'_> {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        let (Some(file), &Content::Stored { offset, len, .. }) = (self.file(content), content)
        else {
            return self.store.copy(content, out);
        };
        // By position: the file's cursor belongs to its writer.
        let mut buffer = vec![0; 1 << 18];
        let mut done = 0;
        while done < len {
            let count =
                usize::try_from(len - done).map_or(buffer.len(), |left| left.min(buffer.len()));
            file.read_exact_at(&mut buffer[..count], offset + done)?;
            out.write_all(&buffer[..count])?;
            done += count as u64;
        }
        Ok(())
    }
}
