//! Cases that follow from a table of patched instructions: what an instruction does when it traps, and what its
//! replacement does, must be the same.

use hypercheck_spec::abi::{Abi, Field, Page, Patch, PatchKind};
use hypercheck_spec::case::{Expect, Scenario, Step};
use hypercheck_spec::expr::Expr;
use hypercheck_spec::library::Library;
use hypercheck_spec::yaml::At;
use indexmap::IndexMap;

/// The rows for all patches of `abi`: one for each machine on which the instruction exists.
#[must_use]
pub fn derive(library: &Library, abi: &Abi) -> Vec<Scenario> {
    let Some(page) = &abi.page else { return Vec::new() };
    let mut rows = Vec::new();
    for (name, patch) in &abi.patches {
        for arch in if patch.arch.is_empty() { &abi.arch } else { &patch.arch } {
            let wide = library.arches.get(arch).is_some_and(|arch| arch.value.width == 64);
            for platform in &page.platforms {
                let limited = !patch.on.is_empty() && !patch.on.contains(platform);
                if limited || !exists(library, page, platform, arch) {
                    continue;
                }
                let Some((code, given, expect)) = equivalence(abi, page, patch, wide) else { continue };
                rows.push(Scenario {
                    id: format!("{}/{name}/derived/{platform}", abi.abi),
                    title: format!("{} does the same when it traps and when it is replaced", patch.code),
                    abi: abi.abi.clone(),
                    clauses: clauses(abi, patch),
                    requires: vec![platform.clone()],
                    arch: vec![arch.clone()],
                    record: false,
                    bindings: IndexMap::new(),
                    steps: vec![
                        Step {
                            call: Some(At::nowhere(page.map.call.clone())),
                            arguments: page.map.arguments.clone(),
                            ..Step::default()
                        },
                        Step { code: Some(code), registers: given, expect, ..Step::default() },
                    ],
                    place: None,
                });
            }
        }
    }
    rows
}

/// Whether the call that maps the page has a conduit on that platform and architecture.
fn exists(library: &Library, page: &Page, platform: &String, arch: &String) -> bool {
    let abi = page.map.call.split('.').next().and_then(|abi| library.abis.get(abi));
    abi.is_some_and(|abi| {
        let mut conduits = abi.value.conduits.values().filter(|conduit| conduit.on.contains(platform));
        conduits.any(|conduit| conduit.arch.is_empty() || conduit.arch.contains(arch))
    })
}

fn clauses(abi: &Abi, patch: &Patch) -> Vec<String> {
    let wanted: &[&str] = match (patch.kind, patch.field.as_deref()) {
        (PatchKind::Load, Some("msr")) => &["patch-equals-trap", "mfmsr-reads-page"],
        (PatchKind::Load, _) => &["patch-equals-trap", "page-to-register", "page-agrees-with-traps"],
        (PatchKind::Store, _) => &["patch-equals-trap", "register-to-page", "page-agrees-with-traps"],
        (PatchKind::Nop, _) => &["patch-equals-trap", "tlbsync-is-nop"],
        (PatchKind::Branch, _) => &["patch-equals-trap", "page-agrees-with-traps"],
    };
    let known = wanted.iter().filter(|name| abi.clauses.contains_key(**name));
    known.map(|name| format!("{}.{name}", abi.abi)).collect()
}

type Equivalence = (String, IndexMap<String, Expr>, Expect);

/// Instructions that do the same in both ways, what is in registers before, and what must be in them after.
fn equivalence(abi: &Abi, page: &Page, patch: &Patch, wide: bool) -> Option<Equivalence> {
    let trap = |rt: &str| patch.code.replace("{rt}", rt).replace("{rb}", "r4");
    if patch.kind == PatchKind::Nop {
        let unchanged = ["r0..r31", "cr", "lr", "ctr", "xer", "msr"].map(str::to_owned).to_vec();
        return Some((trap("r5"), IndexMap::new(), Expect { unchanged, ..Expect::default() }));
    }
    let field = &page.fields.get(patch.field.as_ref()?)?.value;
    let (at, size) = access(page, field, patch, wide);
    let (load, store) = if size == 8 { ("ld", "std") } else { ("lwz", "stw") };
    let mask = if size == 8 { u64::MAX } else { 0xFFFF_FFFF };
    let pattern = |n: u64| Expr::number((0x1357_9BDF_0246_8AC0 + (n << 40) + (n << 8)) & mask);
    let given = |names: &[&str]| names.iter().zip(1..).map(|(name, n)| ((*name).to_owned(), pattern(n))).collect();
    let same = |pairs: &[(&str, &str)]| {
        let pair = |(a, b): &(&str, &str)| ((*a).to_owned(), Expr::Name((*b).to_owned()));
        Expect { registers: pairs.iter().map(pair).collect(), ..Expect::default() }
    };
    let partner = |kind: PatchKind| {
        let found = abi.patches.values().find(|p| {
            p.kind == kind && p.field == patch.field && p.skip == patch.skip && p.arch == patch.arch && p.on == patch.on
        });
        found.map(|p| p.code.clone())
    };
    Some(match patch.kind {
        PatchKind::Load if partner(PatchKind::Store).is_none() => {
            // Nothing may be stored there: only what both show is compared.
            let code = format!("{}\n{load} r7, {at}(0)", trap("r6"));
            (code, IndexMap::new(), same(&[("r7", "after.r6")]))
        }
        PatchKind::Load => {
            let code = format!("{store} r5, {at}(0)\n{}\n{load} r7, {at}(0)", trap("r6"));
            (code, given(&["r5"]), same(&[("r6", "r5"), ("r7", "r5")]))
        }
        PatchKind::Store => {
            let read = |rt: &str| partner(PatchKind::Load).map(|code| code.replace("{rt}", rt));
            let code =
                format!("{}\n{load} r7, {at}(0)\n{}\n{store} r9, {at}(0)\n{}", trap("r5"), read("r8")?, read("r10")?);
            (code, given(&["r5", "r9"]), same(&[("r7", "r5"), ("r8", "r5"), ("r10", "r9")]))
        }
        PatchKind::Branch if patch.field.as_deref() == Some("msr") => {
            let code = format!(
                "mfmsr r20\nxori r5, r20, 0x8000\n{}\nmfmsr r6\n{load} r7, {at}(0)\n\
                 {store} r20, {at}(0)\nmfmsr r9\n{store} r6, {at}(0)\nmfmsr r8\n{store} r20, {at}(0)",
                trap("r5")
            );
            // EE is turned round, on from the usual off; `wrteei 0` has to find it on.
            let on = patch.code == "wrteei 0";
            let before = on.then(|| ("msr.ee".to_owned(), Expr::number(1))).into_iter().collect();
            let pairs = [("r6", "after.r5"), ("r7", "after.r6"), ("r9", "after.r20"), ("r8", "after.r6")];
            (code, before, same(&pairs))
        }
        PatchKind::Branch => {
            let at = format!("{at} + 12");
            let code = format!("{}\nlwz r7, {at}(0)\nmfsrin r6, r4\nstw r8, {at}(0)\nmfsrin r9, r4", trap("r5"));
            let mut before: IndexMap<String, Expr> = given(&["r5", "r8"]);
            before.insert("r4".to_owned(), Expr::number(0x3000_0000));
            (code, before, same(&[("r7", "r5"), ("r6", "r5"), ("r9", "r8")]))
        }
        PatchKind::Nop => return None,
    })
}

/// Where the replacement accesses the page, and how many bytes. A 32-bit guest takes the low word of a long field.
fn access(page: &Page, field: &Field, patch: &Patch, wide: bool) -> (String, u8) {
    let size = patch.size.unwrap_or(field.size);
    let (size, low) = if size == 8 && !wide { (4, 4) } else { (size, 0) };
    let offset = field.offset.0 + u64::from(patch.skip) + low;
    (format!("{} + {offset:#x}", page.map.at), size)
}
