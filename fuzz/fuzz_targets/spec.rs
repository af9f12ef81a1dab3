//! Any bytes as a spec: answered without a panic, and what is rendered reads back as itself.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(spec) = bedplate_spec::parse_bytes(bytes) {
        let yaml = spec.to_yaml();
        let again = bedplate_spec::parse_bytes(yaml.as_bytes()).expect("what was rendered is a spec");
        assert_eq!(again.to_yaml(), yaml);
    }
});
