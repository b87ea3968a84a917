//! The switch, as it is compiled into each mutated crate. `{words}` stands for the number of words in the record.

pub mod mutation {
    use std::{
        io::Write,
        sync::{
            OnceLock,
            atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
        },
    };

    const UNREAD: u32 = u32::MAX;
    const RECORDING: u32 = u32::MAX - 1;

    static ACTIVE: AtomicU32 = AtomicU32::new(UNREAD);
    static REACHED: [AtomicU64; {words}] = [const { AtomicU64::new(0) }; {words}];
    static RECORD: OnceLock<Option<std::fs::File>> = OnceLock::new();

    /// Whether the mutant of that number is the active one.
    #[inline]
    pub fn on(number: u32) -> bool {
        let active = ACTIVE.load(Relaxed);
        if active < RECORDING { active == number } else { unread_or_recording(number) }
    }

    #[cold]
    fn unread_or_recording(number: u32) -> bool {
        if ACTIVE.load(Relaxed) == UNREAD {
            let active = match std::env::var("MUTATION") {
                Ok(active) if active == "record" => RECORDING,
                Ok(active) => active.parse().unwrap(),
                Err(_) => 0,
            };
            ACTIVE.store(active, Relaxed);
            return on(number);
        }
        let bit = 1 << (number % 64);
        if REACHED[number as usize / 64].fetch_or(bit, Relaxed) & bit == 0 {
            let open = |path| std::fs::File::options().append(true).create(true).open(path).ok();
            let record = RECORD.get_or_init(|| std::env::var("MUTATION_RECORD").ok().and_then(open));
            if let Some(mut record) = record.as_ref() {
                let _ = record.write_all(format!("{number}\n").as_bytes());
            }
        }
        false
    }
}
