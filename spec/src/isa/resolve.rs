//! Computes masks, expands aliases and looks for contradictions.

use std::collections::BTreeMap;

use super::prefixed::{self, ResolvedPrefixed};
use super::undefined::{ResolvedUndefined, UndefinedRow, part};
use super::{AliasRow, FieldKind, Group, InstructionRow, Isa, Names, Privilege, RegisterRow, Storage, Variant};

/// A table with everything computed that the rows imply.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Fields by name.
    pub fields: BTreeMap<String, ResolvedField>,
    /// Instructions in table order, then remainders.
    pub rows: Vec<ResolvedRow>,
    /// Registers, by number.
    pub registers: Vec<ResolvedRegister>,
    /// Aliases with lists and variants expanded, in table order.
    pub aliases: Vec<ResolvedAlias>,
    /// Prefixed instructions, in table order.
    pub prefixed: Vec<ResolvedPrefixed>,
    /// Undefined results, in table order.
    pub undefined: Vec<ResolvedUndefined>,
}

/// A field with its bits.
#[derive(Debug, Clone)]
pub struct ResolvedField {
    /// `(shift, width)` of each part, most significant first.
    pub parts: Vec<(u32, u32)>,
    /// What it means.
    pub kind: FieldKind,
    /// Scale.
    pub scale: u32,
}

impl ResolvedField {
    /// Bits of the instruction word that the field takes.
    pub fn mask(&self) -> u32 {
        self.parts.iter().filter(|part| part.0 < 32).fold(0, |mask, &(shift, width)| mask | (ones(width) << shift))
    }

    /// Bits of prefix and suffix that the field takes, the prefix in the upper half.
    pub fn mask_long(&self) -> u64 {
        self.parts.iter().fold(0, |mask, &(shift, width)| mask | (u64::from(ones(width)) << shift))
    }

    /// The word with this field set to `value`, everything else 0.
    pub fn encode(&self, mut value: u32) -> u32 {
        let mut word = 0;
        for &(shift, width) in self.parts.iter().rev() {
            word |= (value & ones(width)) << shift;
            value = value.checked_shr(width).unwrap_or(0);
        }
        word
    }
}

/// An instruction with masks.
#[derive(Debug, Clone)]
pub struct ResolvedRow {
    /// Base mnemonic; empty for a remainder.
    pub name: String,
    /// Form; empty for a remainder.
    pub form: String,
    /// Bits that decide.
    pub mask: u32,
    /// What they must be.
    pub value: u32,
    /// Bits of `mask` that the form's extended opcode takes.
    pub index: u32,
    /// Bits nobody uses.
    pub reserved: u32,
    /// Variants.
    pub variants: Vec<Variant>,
    /// Least privilege.
    pub privilege: Privilege,
    /// Bit i is model i.
    pub models: u32,
    /// Operands.
    pub operands: Vec<ResolvedOperand>,
    /// Family.
    pub group: Group,
}

/// An operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedOperand {
    /// Name of its field.
    pub field: String,
    /// Written in parentheses after the previous one.
    pub memory: bool,
    /// Value when left out.
    pub default: Option<u32>,
}

/// A register with its models.
#[derive(Debug, Clone)]
pub struct ResolvedRegister {
    /// Name.
    pub name: String,
    /// Number.
    pub number: u32,
    /// Least privilege to read.
    pub read: Privilege,
    /// Least privilege to write.
    pub write: Privilege,
    /// Bit i is model i.
    pub models: u32,
    /// Width in bits.
    pub bits: u32,
    /// How it is kept.
    pub storage: Storage,
}

/// An extended mnemonic without placeholders.
#[derive(Debug, Clone)]
pub struct ResolvedAlias {
    /// Mnemonic.
    pub name: String,
    /// Operands: name, and whether it is written in parentheses.
    pub parameters: Vec<(String, bool)>,
    /// Base mnemonic.
    pub base: String,
    /// Expressions over the parameters, one an operand of the base.
    pub template: Vec<String>,
    /// Whether the disassembler may print it.
    pub show: bool,
}

fn ones(width: u32) -> u32 {
    1u32.checked_shl(width).map_or(u32::MAX, |bit| bit - 1)
}

impl ResolvedOperand {
    /// As the generated table writes it.
    pub(super) fn written(&self) -> String {
        let field = &self.field;
        match (self.memory, self.default) {
            (true, _) => format!("Operand::memory(Field::{field})"),
            (false, None) => format!("Operand::plain(Field::{field})"),
            (false, Some(value)) => format!("Operand::optional(Field::{field}, {value})"),
        }
    }
}

/// `16-20` in the manual's numbering as `(shift, width)`; `p16-20` is of the prefix, 32 bits further up.
fn range(text: &str) -> Option<(u32, u32)> {
    if let Some(text) = text.strip_prefix('p') {
        return range(text).map(|(shift, width)| (shift + 32, width));
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to): (u32, u32) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from <= to && to < 32).then(|| (31 - to, to - from + 1))
}

/// `D(RA0)` and `LEV=0` into operands.
pub(super) fn operands(args: &str) -> Vec<ResolvedOperand> {
    let mut list = Vec::new();
    for part in args.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (part, default) = match part.split_once('=') {
            Some((field, value)) => (field, value.parse().ok()),
            None => (part, None),
        };
        match part.strip_suffix(')').and_then(|part| part.split_once('(')) {
            Some((displacement, base)) => {
                list.push(ResolvedOperand { field: displacement.to_owned(), memory: false, default });
                list.push(ResolvedOperand { field: base.to_owned(), memory: true, default: None });
            }
            None => list.push(ResolvedOperand { field: part.to_owned(), memory: false, default }),
        }
    }
    list
}

struct Resolver<'a> {
    isa: &'a Isa,
    problems: Vec<String>,
    fields: BTreeMap<String, ResolvedField>,
    prefixed: Vec<ResolvedPrefixed>,
}

impl Resolved {
    /// Resolves `isa`, or lists what is wrong with it.
    pub fn new(isa: &Isa) -> Result<Self, Vec<String>> {
        let mut resolver = Resolver { isa, problems: Vec::new(), fields: BTreeMap::new(), prefixed: Vec::new() };
        resolver.fields();
        let mut rows: Vec<_> = isa.instructions.iter().map(|row| resolver.instruction(row)).collect();
        resolver.overlaps(&rows);
        for row in &isa.remainders {
            let name = format!("remainder of {}", row.op);
            let models = resolver.models(&name, &row.models, &None, &row.since, &None);
            rows.push(ResolvedRow {
                name: String::new(),
                form: String::new(),
                mask: 0xFC00_0000,
                value: row.op << 26,
                index: 0,
                reserved: 0,
                variants: Vec::new(),
                privilege: Privilege::Problem,
                models,
                operands: Vec::new(),
                group: row.group,
            });
        }
        let mut prefixed = Vec::new();
        for row in &isa.prefixed {
            match prefixed::resolve(row, |name| resolver.fields.get(name)) {
                Ok(row) => prefixed.push(row),
                Err(what) => resolver.problem(&row.name, what),
            }
        }
        resolver.prefixed.clone_from(&prefixed);
        let registers = resolver.registers();
        let mut aliases = Vec::new();
        for row in &isa.aliases {
            resolver.alias(row, &rows, &mut aliases);
        }
        resolver.register_aliases(&registers, &rows, &mut aliases);
        let undefined = isa.undefined.iter().map(|row| resolver.undefined(row, &rows)).collect();
        if resolver.problems.is_empty() {
            Ok(Self { fields: resolver.fields, rows, registers, aliases, prefixed, undefined })
        } else {
            Err(resolver.problems)
        }
    }
}

impl Resolver<'_> {
    fn problem(&mut self, row: &str, what: impl std::fmt::Display) {
        self.problems.push(format!("{row}: {what}"));
    }

    fn fields(&mut self) {
        for (name, row) in &self.isa.fields {
            let parts: Vec<_> = row.bits.iter().filter_map(|text| range(&text.0)).collect();
            if parts.len() != row.bits.len() || parts.is_empty() {
                self.problem(name, "bits must be numbers or ranges from 0 to 31, such as 16-20");
            }
            self.fields.insert(name.clone(), ResolvedField { parts, kind: row.kind, scale: row.scale });
        }
    }

    fn level(&mut self, row: &str, name: &str) -> usize {
        self.isa.levels.iter().position(|level| level == name).unwrap_or_else(|| {
            self.problem(row, format_args!("level `{name}` is not in `levels`"));
            0
        })
    }

    fn names(&mut self, row: &str, names: &Names) -> u32 {
        let mut bits = 0;
        for name in &names.0 {
            if let Some(members) = self.isa.sets.get(name) {
                bits |= self.names(row, &Names(members.clone()));
            } else if let Some(index) = self.isa.models.iter().position(|model| model.name == *name) {
                bits |= 1 << index;
            } else {
                self.problem(row, format_args!("`{name}` is neither a set nor a model"));
            }
        }
        bits
    }

    fn models(
        &mut self,
        row: &str,
        within: &Option<Names>,
        also: &Option<Names>,
        since: &Option<String>,
        until: &Option<String>,
    ) -> u32 {
        let all = ones(u32::try_from(self.isa.models.len()).unwrap_or(32));
        let within = within.as_ref().map_or(all, |names| self.names(row, names));
        let also = also.as_ref().map_or(0, |names| self.names(row, names));
        let first = since.as_ref().map_or(0, |level| self.level(row, level));
        let last = until.as_ref().map_or(usize::MAX, |level| self.level(row, level));
        let isa = self.isa;
        let mut bits = also;
        for (index, model) in isa.models.iter().enumerate() {
            let level = self.level(&model.name, &model.level);
            if within & (1 << index) != 0 && (first..=last).contains(&level) {
                bits |= 1 << index;
            }
        }
        if bits == 0 {
            self.problem(row, "no model has it; widen `in`, `since` or `until`");
        }
        bits
    }

    fn instruction(&mut self, row: &InstructionRow) -> ResolvedRow {
        let name = &row.name;
        if row.op >= 64 {
            self.problem(name, "primary opcode must be below 64");
        }
        let index = match self.isa.forms.get(&row.form).map(String::as_str) {
            None => {
                self.problem(name, format_args!("form `{}` is not in `forms`", row.form));
                0
            }
            Some("none") => 0,
            Some(text) => match range(text) {
                Some((shift, width)) => {
                    if row.xo > ones(width) {
                        self.problem(name, format_args!("extended opcode {} does not fit bits {text}", row.xo));
                    }
                    ones(width) << shift
                }
                None => {
                    self.problem(name, format_args!("form `{}` has no bit range", row.form));
                    0
                }
            },
        };
        if index == 0 && row.xo != 0 {
            self.problem(name, format_args!("form `{}` has no extended opcode", row.form));
        }
        let mut mask = 0xFC00_0000 | index;
        let mut value = (row.op << 26) | (row.xo << index.trailing_zeros().min(31));
        for (field, &constant) in &row.fixed {
            match self.fields.get(field) {
                Some(field) => {
                    mask |= field.mask();
                    value |= field.encode(constant);
                }
                None => self.problem(name, format_args!("fixed field `{field}` is not in `fields`")),
            }
        }
        let mut used = mask;
        for variant in &row.with {
            if used & variant.mask() != 0 {
                self.problem(name, format_args!("variant {variant:?} lies on a bit that is taken"));
            }
            used |= variant.mask();
        }
        let operands = operands(&row.args);
        for operand in &operands {
            let Some(field) = self.fields.get(&operand.field) else {
                self.problem(name, format_args!("operand `{}` is not in `fields`", operand.field));
                continue;
            };
            let bits = field.mask();
            if used & bits != 0 {
                self.problem(name, format_args!("operand `{}` lies on bits that are taken", operand.field));
            }
            used |= bits;
        }
        ResolvedRow {
            name: name.clone(),
            form: row.form.clone(),
            mask,
            value,
            index,
            reserved: !used,
            variants: row.with.clone(),
            privilege: row.privilege,
            models: self.models(name, &row.models, &row.also, &row.since, &row.until),
            operands,
            group: row.group,
        }
    }

    fn overlaps(&mut self, rows: &[ResolvedRow]) {
        for (i, a) in rows.iter().enumerate() {
            for b in &rows[i + 1..] {
                if a.models & b.models == 0 {
                    continue;
                }
                if a.name == b.name {
                    self.problem(&a.name, "two rows of this name share a model");
                } else if (a.value ^ b.value) & a.mask & b.mask == 0 {
                    self.problem(&a.name, format_args!("shares words with `{}` on a model that has both", b.name));
                }
            }
        }
    }

    fn registers(&mut self) -> Vec<ResolvedRegister> {
        let mut list: Vec<ResolvedRegister> = Vec::new();
        for RegisterRow { name, number, read, write, models, also, since, until, bits, storage } in &self.isa.registers
        {
            if *number >= 1024 {
                self.problem(name, "register number must be below 1024");
            }
            let models = self.models(name, models, also, since, until);
            for other in list.iter().filter(|other| other.number == *number && other.models & models != 0) {
                self.problems.push(format!("{name}: shares number {number} with `{}` on a model", other.name));
            }
            if let Some(other) = list.iter().find(|other| other.name == *name && other.storage != *storage) {
                self.problems.push(format!("{name}: kept in two ways, see number {}", other.number));
            }
            list.push(ResolvedRegister {
                name: name.clone(),
                number: *number,
                read: *read,
                write: *write,
                models,
                bits: *bits,
                storage: *storage,
            });
        }
        list.sort_by_key(|row| row.number);
        list
    }

    fn undefined(&mut self, row: &UndefinedRow, rows: &[ResolvedRow]) -> ResolvedUndefined {
        let name = format!("undefined {}", row.of.join(", "));
        let models = self.models(&name, &row.models, &None, &row.since, &row.until);
        for of in &row.of {
            if !rows.iter().any(|row| row.name == *of && row.models & models != 0) {
                self.problem(&name, format_args!("no instruction `{of}` on these models"));
            }
        }
        let parts = row.what.iter().map(|text| (text, part(text)));
        let parts: Vec<_> = parts
            .filter_map(|(text, part)| {
                if part.is_none() {
                    self.problem(&name, format_args!("`{text}` is no part of the state, such as rt[0:31]"));
                }
                part
            })
            .collect();
        if row.source.split_once(' ').is_none_or(|(source, _)| !self.isa.sources.contains_key(source)) {
            self.problem(&name, format_args!("`{}` must begin with a name of `sources`, then the section", row.source));
        }
        ResolvedUndefined {
            of: row.of.clone(),
            when: row.when.clone(),
            what: parts,
            is: row.is,
            models,
            source: row.source.clone(),
        }
    }

    fn alias(&mut self, row: &AliasRow, rows: &[ResolvedRow], into: &mut Vec<ResolvedAlias>) {
        let once = [BTreeMap::new()];
        let columns = match &row.each {
            None => &once[..],
            Some(list) => match self.isa.lists.get(list) {
                Some(columns) => columns,
                None => {
                    self.problem(&row.pattern, format_args!("list `{list}` is not in `lists`"));
                    return;
                }
            },
        };
        for column in columns {
            let fill = |text: &str| {
                column.iter().fold(text.to_owned(), |text, (key, value)| text.replace(&format!("{{{key}}}"), &value.0))
            };
            let (pattern, base) = (fill(&row.pattern), fill(&row.base));
            let (name, parameters) = pattern.split_once(' ').unwrap_or((&pattern, ""));
            let (target, template) = base.split_once(' ').unwrap_or((&base, ""));
            let parameters: Vec<_> =
                operands(parameters).into_iter().map(|operand| (operand.field, operand.memory)).collect();
            let template: Vec<_> =
                template.split(',').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect();
            for combination in 0..1u32 << row.with.len() {
                let chosen = row.with.iter().enumerate().filter(|(i, _)| combination & (1 << i) != 0);
                let suffix: String = chosen.map(|(_, variant)| variant.suffix()).collect();
                let alias = ResolvedAlias {
                    name: format!("{name}{suffix}"),
                    parameters: parameters.clone(),
                    base: format!("{target}{suffix}"),
                    template: template.clone(),
                    show: row.show,
                };
                self.push_alias(alias, rows, into);
            }
        }
    }

    fn register_aliases(
        &mut self,
        registers: &[ResolvedRegister],
        rows: &[ResolvedRow],
        into: &mut Vec<ResolvedAlias>,
    ) {
        let mut seen = std::collections::BTreeSet::new();
        // Where a name has two numbers, the one that can be written gives the mnemonic, and among those the last.
        for register in registers.iter().rev() {
            for (privilege, base, name) in [
                (register.read, "mfspr", format!("mf{}", register.name)),
                (register.write, "mtspr", format!("mt{}", register.name)),
            ] {
                if privilege == Privilege::None || rows.iter().any(|row| row.name == name) || !seen.insert(name.clone())
                {
                    continue;
                }
                let number = register.number.to_string();
                let template = match base {
                    "mfspr" => vec!["RT".to_owned(), number],
                    _ => vec![number, "RT".to_owned()],
                };
                let parameters = vec![("RT".to_owned(), false)];
                let alias = ResolvedAlias { name, parameters, base: base.to_owned(), template, show: true };
                if into.iter().any(|other| other.name == alias.name && other.parameters.len() == 1) {
                    continue;
                }
                self.push_alias(alias, rows, into);
            }
        }
    }

    fn push_alias(&mut self, alias: ResolvedAlias, rows: &[ResolvedRow], into: &mut Vec<ResolvedAlias>) {
        let fits = rows.iter().any(|row| {
            let required = row.operands.iter().filter(|operand| operand.default.is_none()).count();
            mnemonics(row).iter().any(|(name, _)| *name == alias.base)
                && (required..=row.operands.len()).contains(&alias.template.len())
        });
        let fits = fits || self.prefixed.iter().any(|row| row.name == alias.base);
        if !fits {
            self.problem(
                &alias.name,
                format_args!("stands for `{}` with {} operands, which no row has", alias.base, alias.template.len()),
            );
        }
        if into.iter().any(|other| other.name == alias.name && other.parameters.len() == alias.parameters.len()) {
            self.problem(&alias.name, "two aliases of this name take the same number of operands");
        }
        into.push(alias);
    }
}

/// Every mnemonic of a row with the bits its suffixes set.
pub(super) fn mnemonics(row: &ResolvedRow) -> Vec<(String, u32)> {
    (0..1u32 << row.variants.len())
        .map(|combination| {
            let chosen = row.variants.iter().enumerate().filter(|(i, _)| combination & (1 << i) != 0);
            chosen.fold((row.name.clone(), 0), |(name, bits), (_, variant)| {
                (format!("{name}{}", variant.suffix()), bits | variant.mask())
            })
        })
        .collect()
}
