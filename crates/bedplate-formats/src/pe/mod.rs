//! PE images: Unified Kernel Images and what Secure Boot signs of them.
//!
//! ```text
//!    0 "MZ", at 60 the offset of:          optional header (PE32+; PE32 differs from 24 to 32, 72 to 96)
//!      "PE\0\0"                              0 magic               56 SizeOfImage
//!      COFF header, 20 bytes                 4 SizeOfCode          60 SizeOfHeaders
//!        0 Machine                           8 SizeOfInitializedData  64 CheckSum
//!        2 NumberOfSections                 32 SectionAlignment    68 Subsystem (10: EFI application)
//!        4 TimeDateStamp                    36 FileAlignment      108 NumberOfRvaAndSizes
//!        8 PointerToSymbolTable                                   112 data directories, 8 bytes each;
//!       12 NumberOfSymbols                                            the fifth: certificate table
//!       16 SizeOfOptionalHeader
//!      optional header                     section header, 40 bytes
//!      section headers                       0 Name, 8 bytes      16 SizeOfRawData
//!      zeros to SizeOfHeaders                8 VirtualSize        20 PointerToRawData
//!      sections                             12 VirtualAddress     36 Characteristics
//!      symbol table (old stubs)
//!      certificate table (signed images)   all numbers little-endian
//! ```
//!
//! Sources: Microsoft, "PE Format" and "Windows Authenticode Portable Executable Signature Format" (2008);
//! UAPI Group, "Unified Kernel Image" (UAPI.5); systemd-stub(7).
//!
//! Nothing here runs or relocates an image, holds a key or checks a signature. `CheckSum` is always
//! written as 0, as ukify does: it covers the whole file and stands in front, so an image could not be
//! streamed; loaders look at it in Windows drivers and DLLs only, and a signature does not cover it.

pub mod authenticode;
mod error;
mod headers;
pub mod signature;
pub mod uki;

pub use error::PeError;

/// The next multiple of `alignment`, a power of two.
fn align(value: u64, alignment: u32) -> u64 {
    value.next_multiple_of(alignment.into())
}
