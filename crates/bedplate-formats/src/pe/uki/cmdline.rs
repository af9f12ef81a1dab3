//! Another command line for a finished image.

use std::io::{Read, Seek, Write};

use super::write::pad;
use super::{CMDLINE, PAGE, PAYLOADS, UkiError};
use crate::input::Input;
use crate::pe::headers::{Headers, SectionHeader, field, number};
use crate::pe::{PeError, align};

/// Copies an image to `out`, its `.cmdline` replaced. What follows it moves as far as it must: an image
/// of [`write`](super::write()) becomes what it would have been with this command line from the start.
///
/// Signatures are left out, as they no longer hold; a `.pcrsig` stays, and no longer fits either.
pub fn with_cmdline<R: Read + Seek, W: Write>(
    image: R,
    cmdline: &[u8],
    mut out: W,
) -> Result<W, UkiError> {
    if cmdline.is_empty() {
        return Err(UkiError::Empty(CMDLINE));
    }
    let mut input = Input::new(image).map_err(PeError::from)?;
    let mut headers = Headers::read(&mut input)?;
    let index = find(&headers)?;
    check_alone(&headers, index)?;
    let old_end = place_end(&headers, index);
    let ends = headers.sections.iter().map(SectionHeader::raw_end);
    let end = ends.max().unwrap_or(0).max(old_end);
    replace(&mut headers, index, cmdline.len() as u64)?;
    headers.strip();

    let new = &headers.sections[index];
    let padding = u64::from(new.raw_size) - cmdline.len() as u64;
    let offset = u64::from(new.raw_offset);
    let copy = |input: &mut Input<R>, from: u64, to: u64, out: &mut W| {
        input.seek(from)?;
        input.copy(to - from, out)
    };
    let written = (|| {
        out.write_all(&headers.render())?;
        copy(&mut input, headers.len(), offset, &mut out)?;
        out.write_all(cmdline)?;
        pad(&mut out, padding)?;
        copy(&mut input, old_end, end, &mut out)?;
        out.flush()
    })();
    written.map_err(PeError::from)?;
    Ok(out)
}

/// The index of the one command line.
fn find(headers: &Headers) -> Result<usize, UkiError> {
    let named = |(_, section): &(usize, &SectionHeader)| section.name() == CMDLINE;
    let found: Vec<_> = headers.sections.iter().enumerate().filter(named).collect();
    match found[..] {
        [] => Err(UkiError::NoCmdline),
        [(index, section)] if section.raw_size != 0 => Ok(index),
        [_] => Err(UkiError::NoCmdline),
        _ => Err(UkiError::SeveralCmdlines(found.len())),
    }
}

/// Fails if something else has the same bytes of the file, so that they cannot be replaced.
fn check_alone(headers: &Headers, index: usize) -> Result<(), PeError> {
    let old = &headers.sections[index];
    let overlaps = |(other, section): (usize, &SectionHeader)| {
        other != index
            && section.raw_size != 0
            && section.raw_end() > old.raw_offset.into()
            && u64::from(section.raw_offset) < old.raw_end()
    };
    let in_headers = u64::from(old.raw_offset) < headers.len();
    if in_headers || headers.sections.iter().enumerate().any(overlaps) {
        return Err(PeError::Malformed(
            "its section `.cmdline` overlaps another",
        ));
    }
    Ok(())
}

/// Where the section's place in the file ends: what follows may be padded away from it.
fn place_end(headers: &Headers, index: usize) -> u64 {
    let section = &headers.sections[index];
    let others = headers.sections.iter().filter(|other| other.raw_size != 0);
    let begins = others.map(|other| u64::from(other.raw_offset));
    let next = begins.filter(|&begin| begin >= section.raw_end()).min();
    next.unwrap_or(section.raw_end())
}

/// Gives the section another length, and moves what follows it.
fn replace(headers: &mut Headers, index: usize, len: u64) -> Result<(), UkiError> {
    let old = headers.sections[index].clone();
    let mut new = old.clone();
    new.virtual_size = number(len)?;
    new.raw_size = number(align(len, headers.get(field::FILE_ALIGNMENT)))?;
    let memory = memory_move(headers, &old, &new)?;
    let file = (
        place_end(headers, index),
        u64::from(new.raw_offset) + u64::from(new.raw_size),
    );
    for section in &mut headers.sections {
        if section.virtual_address > old.virtual_address {
            section.virtual_address = moved(section.virtual_address, memory)?;
        }
        if section.raw_offset > old.raw_offset && section.raw_size != 0 {
            section.raw_offset = moved(section.raw_offset, file)?;
        }
    }
    let sizes = (old.raw_size.into(), new.raw_size.into());
    headers.sections[index] = new;
    let total = headers.get(field::SIZE_OF_INITIALIZED_DATA);
    // Some tools count it in other ways: then it may be too small, and stays.
    let total = moved(total, sizes).unwrap_or(total);
    headers.set(field::SIZE_OF_INITIALIZED_DATA, total.into())?;
    let ends = headers.sections.iter().map(SectionHeader::virtual_end);
    let end = ends.max().unwrap_or(0);
    let end = align(end, headers.get(field::SECTION_ALIGNMENT));
    headers.set(field::SIZE_OF_IMAGE, end)?;
    Ok(())
}

/// From where to where the sections after `old` move in memory when it becomes `new`.
fn memory_move(
    headers: &Headers,
    old: &SectionHeader,
    new: &SectionHeader,
) -> Result<(u64, u64), UkiError> {
    let follows = |section: &&SectionHeader| section.virtual_address > old.virtual_address;
    let following = || headers.sections.iter().filter(follows);
    let Some(first) = following().map(|section| section.virtual_address).min() else {
        return Ok((0, 0));
    };
    let first = u64::from(first);
    let section_alignment = headers.get(field::SECTION_ALIGNMENT);
    let page = section_alignment.max(PAGE);
    let ends = |grain| {
        (
            align(old.virtual_end(), grain),
            align(new.virtual_end(), grain),
        )
    };
    // Other tools do not align to pages.
    let (from, to) = match ends(page) {
        (from, to) if from <= first => (from, to),
        _ => ends(section_alignment),
    };
    let fixed = following().find(|section| !PAYLOADS.contains(&section.name().as_str()));
    match fixed {
        Some(_) if new.virtual_end() <= first => Ok((0, 0)),
        Some(fixed) => Err(UkiError::Crowded(fixed.name())),
        None if from <= first => Ok((from, to)),
        None => Err(PeError::Malformed("its section `.cmdline` overlaps another").into()),
    }
}

/// Where `at` is when what ended at `from` ends at `to`.
fn moved(at: u32, (from, to): (u64, u64)) -> Result<u32, PeError> {
    let at = (u64::from(at) + to).checked_sub(from);
    number(at.ok_or(PeError::Malformed(
        "its section `.cmdline` overlaps another",
    ))?)
}
