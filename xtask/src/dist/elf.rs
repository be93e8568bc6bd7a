//! What the system lets happen to a program's memory, as its file asks for it.

use anyhow::{Context as _, Result, bail, ensure};
use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::pod;
use object::read::elf::FileHeader as _;

const LE: LittleEndian = LittleEndian;

/// The alignment of a stack, as linkers state it.
const STACK_ALIGNMENT: u64 = 16;

type Header = FileHeader64<LittleEndian>;

/// Gives a program back the header that keeps its stacks from being run, in the place of a note about
/// how it was built, and says whether that was necessary: [BOLT takes it away](super::layout), and
/// glibc makes every stack executable where it is missing.
///
/// # Errors
///
/// When it is no such file, or there is no note.
pub(super) fn keep_stacks_from_running(file: &mut [u8]) -> Result<bool> {
    let header = Header::parse(&*file)?;
    if stack(header, file)?.is_some() {
        return Ok(false);
    }
    let at = usize::try_from(header.e_phoff.get(LE))?;
    let count = usize::from(header.e_phnum.get(LE));
    let table = file.get_mut(at..).context("headers beyond the end")?;
    let (headers, _) = pod::slice_from_bytes_mut::<ProgramHeader64<LittleEndian>>(table, count)
        .map_err(|()| anyhow::anyhow!("headers beyond the end"))?;
    let note = headers
        .iter_mut()
        .find(|header| header.p_type.get(LE) == elf::PT_NOTE)
        .context("there is no note whose place the stack's header could take")?;
    note.p_type.set(LE, elf::PT_GNU_STACK);
    note.p_flags.set(LE, elf::PF_R | elf::PF_W);
    for none in [
        &mut note.p_offset,
        &mut note.p_vaddr,
        &mut note.p_paddr,
        &mut note.p_filesz,
        &mut note.p_memsz,
    ] {
        none.set(LE, 0);
    }
    note.p_align.set(LE, STACK_ALIGNMENT);
    Ok(true)
}

/// That a program asks for what makes a fault in it harder to use: it may be loaded anywhere, nothing
/// of it can be both written and run, its stacks cannot be run, and what the loader has filled in is
/// read-only from then on.
///
/// # Errors
///
/// Names what is missing.
pub(super) fn ensure_hardened(file: &[u8]) -> Result<()> {
    let header = Header::parse(file)?;
    ensure!(
        header.e_type.get(LE) == elf::ET_DYN,
        "it can be loaded at one address only"
    );
    let Some(flags) = stack(header, file)? else {
        bail!("it says nothing of its stacks, and they could be run");
    };
    ensure!(!flags.contains(elf::PF_X), "its stacks can be run");
    let segments = header.program_headers(LE, file)?;
    for segment in segments {
        let flags = segment.p_flags.get(LE);
        let both = flags.contains(elf::PF_W) && flags.contains(elf::PF_X);
        ensure!(!both, "a part of it can be both written and run");
    }
    let read_only = |segment: &ProgramHeader64<_>| segment.p_type.get(LE) == elf::PT_GNU_RELRO;
    ensure!(
        segments.iter().any(read_only),
        "what the loader fills in stays writable"
    );
    Ok(())
}

/// The flags of the header about stacks.
fn stack(header: &Header, file: &[u8]) -> Result<Option<elf::ProgramFlags>> {
    let mut headers = header.program_headers(LE, file)?.iter();
    let stack = headers.find(|header| header.p_type.get(LE) == elf::PT_GNU_STACK);
    Ok(stack.map(|header| header.p_flags.get(LE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This very program: it was linked as any other.
    fn own() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    /// Changes the first header of type `from`.
    fn change(
        file: &mut [u8],
        from: elf::ProgramType,
        change: impl Fn(&mut ProgramHeader64<LittleEndian>),
    ) {
        let header = Header::parse(&*file).unwrap();
        let at = usize::try_from(header.e_phoff.get(LE)).unwrap();
        let count = usize::from(header.e_phnum.get(LE));
        let (headers, _) = pod::slice_from_bytes_mut(&mut file[at..], count).unwrap();
        let mut headers = headers.iter_mut();
        let found = headers.find(|header: &&mut ProgramHeader64<_>| header.p_type.get(LE) == from);
        change(found.unwrap());
    }

    #[test]
    fn what_the_linker_makes_is_hardened_and_stays_as_it_is() {
        let mut file = own();
        ensure_hardened(&file).unwrap();
        assert!(!keep_stacks_from_running(&mut file).unwrap());
        assert_eq!(file, own());
    }

    #[test]
    fn a_stack_without_its_header_gets_one() {
        let mut file = own();
        // As BOLT does: the header now says where code lies.
        change(&mut file, elf::PT_GNU_STACK, |header| {
            header.p_type.set(LE, elf::PT_LOAD);
            header.p_flags.set(LE, elf::PF_R | elf::PF_X);
        });
        let error = ensure_hardened(&file).unwrap_err().to_string();
        assert!(error.contains("nothing of its stacks"), "{error}");
        assert!(keep_stacks_from_running(&mut file).unwrap());
        ensure_hardened(&file).unwrap();
        // Its notes are used up at some time.
        let mut last = Ok(true);
        for _ in 0..8 {
            change(&mut file, elf::PT_GNU_STACK, |header| {
                header.p_type.set(LE, elf::PT_NULL);
            });
            last = keep_stacks_from_running(&mut file);
            if last.is_err() {
                break;
            }
        }
        let error = last.unwrap_err().to_string();
        assert!(error.contains("no note"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        type Change = fn(&mut ProgramHeader64<LittleEndian>);
        let run: Change = |header| header.p_flags.set(LE, elf::PF_R | elf::PF_W | elf::PF_X);
        let gone: Change = |header| header.p_type.set(LE, elf::PT_NULL);
        for (kind, how, named) in [
            (elf::PT_GNU_STACK, run, "stacks can be run"),
            (elf::PT_LOAD, run, "both written and run"),
            (elf::PT_GNU_RELRO, gone, "stays writable"),
        ] {
            let mut file = own();
            change(&mut file, kind, how);
            let error = ensure_hardened(&file).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        assert!(ensure_hardened(b"#!/bin/sh\n").is_err());
        assert!(keep_stacks_from_running(&mut own()[..100].to_vec()).is_err());
    }
}
