//! Unified Kernel Images with systemd's stub, as other tools see them.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

#[path = "common/pe.rs"]
mod images;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use bedplate_formats::pe::authenticode;
use bedplate_formats::pe::uki::{UkiError, sections, with_cmdline, write};
use bedplate_sys::tool::Tool;
use images::{OSREL, Parts, UNAME};
use tempfile::TempDir;

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

fn debian_stub() -> Vec<u8> {
    fs::read(STUB).unwrap_or_else(|error| panic!("{STUB} of systemd-boot-efi: {error}"))
}

fn file(directory: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The content of a section, as `objcopy` finds it.
fn dumped(image: &Path, section: &str) -> Vec<u8> {
    let out = image.with_extension("section");
    let argument = format!("{section}={}", out.display());
    Tool::new("objcopy", "binutils")
        .args(["--dump-section", &argument])
        .args([image, &image.with_extension("copy")])
        .output()
        .unwrap();
    fs::read(out).unwrap()
}

/// What python3-pefile has to say: its warnings, and rules of the format that it leaves to others.
const RULES: &str = r#"
import pefile, sys
pe = pefile.PE(sys.argv[1], fast_load=True)
head, alone = pe.OPTIONAL_HEADER, len(sys.argv) == 2
up = lambda value, to: -(-value // to) * to
faults = pe.get_warnings()
check = lambda good, text: good or faults.append(text)
payload = ['.osrel', '.cmdline', '.uname', '.splash', '.initrd', '.linux']
at, raw = 0, head.SizeOfHeaders
for s in pe.sections:
    name = s.Name.rstrip(b'\0').decode()
    check(s.VirtualAddress >= at, name + ' overlaps in memory')
    check(s.PointerToRawData == raw, name + ' does not follow in the file')
    check(s.SizeOfRawData % head.FileAlignment == 0, name + ' has an odd size')
    check(s.Misc_VirtualSize <= s.SizeOfRawData, name + ' is longer in memory')
    check(name not in payload or s.VirtualAddress % max(head.SectionAlignment, 4096) == 0, name + ' is not aligned')
    at, raw = s.VirtualAddress + s.Misc_VirtualSize, s.PointerToRawData + s.SizeOfRawData
end = pe.sections[-1].get_file_offset() + 40
code = sum(s.SizeOfRawData for s in pe.sections if s.Characteristics & 0x20)
data = sum(s.SizeOfRawData for s in pe.sections if s.Characteristics & 0x40)
check(end <= head.SizeOfHeaders, 'headers end too early')
check(raw == len(pe.__data__), 'the file goes on')
check(head.SizeOfImage == up(at, head.SectionAlignment), 'SizeOfImage')
check(head.SizeOfCode == code, 'SizeOfCode')
check(head.SizeOfInitializedData == data, 'SizeOfInitializedData')
check(head.CheckSum == 0 and pe.FILE_HEADER.TimeDateStamp == 0, 'CheckSum or TimeDateStamp')
check(pe.FILE_HEADER.PointerToSymbolTable == 0, 'PointerToSymbolTable')
check(head.DATA_DIRECTORY[4].Size == 0, 'certificates')
print('\n'.join(faults))
"#;

fn assert_rules_hold(image: &Path) {
    // Debian's own interpreter: only that one finds Debian's module.
    let faults = Tool::new("/usr/bin/python3", "python3-pefile")
        .args(["-c", RULES])
        .arg(image)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&faults).trim(), "");
}

/// The digest that `pesign` computes, with the padding that a signature brings.
fn pesign_digest(image: &Path) -> String {
    let text = Tool::new("pesign", "pesign")
        .args(["--hash", "--padding", "--digest_type=sha256", "--in"])
        .arg(image)
        .output()
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    text.trim().trim_start_matches("hash: ").to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key and its certificate.
struct Signer {
    key: PathBuf,
    certificate: PathBuf,
}

impl Signer {
    fn new(directory: &TempDir) -> Self {
        let signer = Self {
            key: directory.path().join("key.pem"),
            certificate: directory.path().join("certificate.pem"),
        };
        let request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout";
        Tool::new("openssl", "openssl")
            .args(request.split(' '))
            .arg(&signer.key)
            .arg("-out")
            .arg(&signer.certificate)
            .output()
            .unwrap();
        signer
    }

    /// The image, signed by `sbsign`, and the signature alone.
    fn sign(&self, image: &Path) -> (PathBuf, Vec<u8>) {
        let signed = image.with_extension("signed");
        let pkcs7 = image.with_extension("pkcs7");
        Tool::new("sbsign", "sbsigntool")
            .arg("--key")
            .arg(&self.key)
            .arg("--cert")
            .arg(&self.certificate)
            .arg("--output")
            .args([&signed, image])
            .output()
            .unwrap();
        Tool::new("sbattach", "sbsigntool")
            .arg("--detach")
            .args([&pkcs7, &signed])
            .output()
            .unwrap();
        (signed, fs::read(pkcs7).unwrap())
    }

    fn verify(&self, image: &Path) {
        let verdict = Tool::new("sbverify", "sbsigntool")
            .arg("--cert")
            .arg(&self.certificate)
            .arg(image)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&verdict),
            "Signature verification OK\n"
        );
    }
}

fn signatures(image: &Path) -> String {
    let list = Tool::new("sbverify", "sbsigntool")
        .arg("--list")
        .arg(image)
        .output()
        .unwrap();
    String::from_utf8(list).unwrap()
}

#[test]
fn objcopy_finds_what_was_put_in() {
    let directory = TempDir::new().unwrap();
    let parts = Parts::new(debian_stub());
    let image = file(&directory, "uki.efi", &parts.image());
    assert_eq!(dumped(&image, ".osrel"), OSREL);
    assert_eq!(dumped(&image, ".cmdline"), parts.cmdline);
    assert_eq!(dumped(&image, ".uname"), UNAME);
    assert_eq!(dumped(&image, ".initrd"), parts.initrd);
    assert_eq!(dumped(&image, ".linux"), parts.linux);
    let stub = Path::new(STUB);
    for section in [".text", ".data", ".sbat"] {
        let whole = file(&directory, "stub.efi", &fs::read(stub).unwrap());
        assert_eq!(
            dumped(&image, section),
            dumped(&whole, section),
            "{section}"
        );
    }
}

#[test]
fn headers_keep_the_rules_of_the_format() {
    let directory = TempDir::new().unwrap();
    let parts = Parts::new(debian_stub());
    assert_rules_hold(&file(&directory, "uki.efi", &parts.image()));
    let many = Parts::new(images::stub(&[".text"; 14], 1024));
    assert_rules_hold(&file(&directory, "many.efi", &many.image()));
    let line = vec![b'c'; 70_000];
    let changed = with_cmdline(Cursor::new(parts.image()), &line, Vec::new()).unwrap();
    assert_rules_hold(&file(&directory, "changed.efi", &changed));
}

#[test]
fn an_old_stub_is_given_no_microcode() {
    let parts = Parts::new(debian_stub());
    let mut uki = parts.uki();
    uki.ucode = Some(bedplate_formats::pe::uki::Source::Bytes(b"microcode"));
    let error = write(uki, Vec::new()).unwrap_err();
    assert!(
        matches!(error, UkiError::UnknownToStub(".ucode")),
        "{error}"
    );
}

#[test]
fn the_digest_is_that_of_other_tools() {
    let directory = TempDir::new().unwrap();
    let signer = Signer::new(&directory);
    // The stub has a symbol table behind its sections, and a length that is no multiple of 8.
    let stub = debian_stub();
    let image = Parts::new(stub.clone()).image();
    for bytes in [stub, image] {
        let digest = authenticode::digest(&bytes[..]).unwrap();
        let path = file(&directory, "image.efi", &bytes);
        assert_eq!(hex(&digest), pesign_digest(&path));
        let (signed, pkcs7) = signer.sign(&path);
        assert!(pkcs7.windows(32).any(|window| window == digest));
        assert_eq!(
            authenticode::digest(&fs::read(signed).unwrap()[..]).unwrap(),
            digest
        );
    }
}

#[test]
fn an_attached_signature_holds() {
    let directory = TempDir::new().unwrap();
    let signer = Signer::new(&directory);
    let unsigned = Parts::new(debian_stub()).image();
    let image = file(&directory, "uki.efi", &unsigned);
    assert_eq!(signatures(&image), "");
    let (by_sbsign, pkcs7) = signer.sign(&image);

    let attached = authenticode::attach(Cursor::new(&unsigned), &pkcs7, Vec::new()).unwrap();
    let mut expected = fs::read(by_sbsign).unwrap();
    // `sbsign` writes CheckSum, which is 0 here.
    let check_sum = 128 + 24 + 64;
    expected[check_sum..check_sum + 4].fill(0);
    assert!(attached == expected);
    let once = file(&directory, "once.efi", &attached);
    signer.verify(&once);

    let twice = authenticode::attach(Cursor::new(&attached), &pkcs7, Vec::new()).unwrap();
    let twice = file(&directory, "twice.efi", &twice);
    signer.verify(&twice);
    assert!(signatures(&twice).contains("signature 2"));
}

#[test]
fn another_command_line_drops_the_signature() {
    let directory = TempDir::new().unwrap();
    let parts = Parts::new(debian_stub());
    let image = file(&directory, "uki.efi", &parts.image());
    let (signed, _) = Signer::new(&directory).sign(&image);
    let line = vec![b'c'; 5000];
    let changed = with_cmdline(fs::File::open(signed).unwrap(), &line, Vec::new()).unwrap();
    assert!(changed == parts.with_cmdline(&line).image());
}

/// As dracut and others have long made images: sections at fixed addresses, far from each other.
#[test]
fn images_of_objcopy_take_another_command_line() {
    let directory = TempDir::new().unwrap();
    let parts = Parts::new(debian_stub());
    let image = directory.path().join("objcopy.efi");
    let mut objcopy = Tool::new("objcopy", "binutils");
    let added = [
        (".osrel", OSREL, 0x20000),
        (".cmdline", &parts.cmdline, 0x30000),
        (".linux", &parts.linux, 0x31000),
        (".initrd", &parts.initrd, 0x300_0000),
    ];
    for (name, bytes, address) in added {
        let source = file(&directory, &name[1..], bytes);
        objcopy = objcopy
            .args(["--add-section", &format!("{name}={}", source.display())])
            .args(["--change-section-vma", &format!("{name}={address:#x}")]);
    }
    objcopy.arg(STUB).arg(&image).output().unwrap();
    let line = vec![b'c'; 5000];
    let changed = with_cmdline(fs::File::open(&image).unwrap(), &line, Vec::new()).unwrap();
    assert_eq!(
        sections(Cursor::new(&changed)).unwrap().len(),
        sections(fs::File::open(&image).unwrap()).unwrap().len()
    );
    let changed = file(&directory, "changed.efi", &changed);
    assert_eq!(dumped(&changed, ".cmdline"), line);
    for section in [".text", ".sdmagic", ".osrel", ".linux", ".initrd"] {
        assert_eq!(
            dumped(&changed, section),
            dumped(&image, section),
            "{section}"
        );
    }
}
