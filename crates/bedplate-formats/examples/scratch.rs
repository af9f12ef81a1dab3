use bedplate_formats::{content::InlineOnly, fat::*, gpt::*, guid::Guid};
use bedplate_tree::*; use bedplate_types::*; use std::io::Write;
fn main() {
    let mut b = TreeBuilder::new(); let o = b.origin("x");
    for (n, c) in [("startup.nsh", b"echo BEGIN\r\nmap -b\r\nls -r fs0:\r\ntype \"fs0:\\dir with space\\a long name+3.conf\"\r\necho END\r\nreset -s\r\n".to_vec()), ("EFI/Linux/gr\u{f6}\u{df}e+3.efi", vec![8u8; 5000]), ("dir with space/a long name+3.conf", b"hello from the long name".to_vec()),("UPPER.TXT", vec![1;70000]),("lower.txt", vec![])] {
        b.insert(Entry { path: TreePath::parse(n.as_bytes()).unwrap(), meta: Meta::with_mode(0o644), kind: EntryKind::File(Content::inline(c)) }, o).unwrap();
    }
    let t = b.freeze(Epoch(1_700_000_000));
    for (f, s) in [("d16", 3u64 << 20), ("d32", 33 << 20), ("d32b", 300 << 20)] {
        let i = Image::new(&t, &Volume { size: Size::Exactly(s), label: "ESP".into(), serial: 5, epoch: Epoch(1_700_000_000) }).unwrap();
        let p = Partition { kind: types::ESP, guid: Guid::derived(b"e"), name: "esp".into(), attributes: Attributes::NONE, extent: Extent::Next { len: s } };
        let l = Layout::fitting(Guid::derived(b"d"), &[p]).unwrap();
        let mut d = l.primary(); d.resize(l.partitions()[0].offset() as usize, 0);
        i.write(&InlineOnly, &mut d).unwrap(); d.resize(l.backup_offset() as usize, 0); d.extend(l.backup());
        std::fs::File::create(format!("/tmp/diskchk/{f}")).unwrap().write_all(&d).unwrap();
    }
}
