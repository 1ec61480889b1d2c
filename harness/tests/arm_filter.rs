//! The reference's filter of Arm calls against a literal one: a list of what was asked for, gone through number by
//! number.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use hypercheck::contract::{Budget, CallRange, FilterAction, Guest, Hypervisor, Machine, Refusal, Stop};
use hypercheck::reference::Reference;
use hypercheck::registers::{RegisterFile, Registers};
use hypercheck_spec::arch::Arch;
use hypercheck_spec::library::{Home, Library};
use proptest::prelude::*;

static ARCH: LazyLock<Arch> = LazyLock::new(|| {
    let library = Library::read_spec(&Home::find(None).expect("the test runs in a checkout")).expect("it is valid");
    library.arches["arm64"].value.clone()
});

/// Beyond the last number.
const END: u64 = 1 << 32;

/// What a host may ask for, as it may be asked for.
#[derive(Debug, Clone, Copy)]
struct Wish {
    base: u64,
    count: u64,
    action: FilterAction,
}

/// The literal filter: ranges in the order in which they were accepted.
#[derive(Default)]
struct List(Vec<Wish>);

impl List {
    /// Whether a number is in a range, said in the plainest way.
    const fn has(wish: &Wish, number: u64) -> bool {
        number >= wish.base && number - wish.base < wish.count
    }

    /// What the documents say of a wish: it is no range, or meets what cannot be filtered or what was.
    fn set(&mut self, wish: Wish, ran: bool) -> Result<(), &'static str> {
        if wish.count == 0 || wish.base + wish.count > END || wish.action == FilterAction::Undefined {
            return Err("EINVAL");
        }
        if ran {
            return Err("EBUSY");
        }
        let reserved = |base| Wish { base, count: 0x1_0000, action: FilterAction::Handle };
        let taken = [reserved(0x8000_0000), reserved(0xC000_0000)];
        let mut all = taken.iter().chain(&self.0);
        // Two ranges share a number exactly if one has the first number of the other.
        if all.any(|other| Self::has(other, wish.base) || Self::has(&wish, other.base)) {
            return Err("EEXIST");
        }
        self.0.push(wish);
        Ok(())
    }

    /// What becomes of a number.
    fn action(&self, number: u64) -> FilterAction {
        self.0.iter().find(|wish| Self::has(wish, number)).map_or(FilterAction::Handle, |wish| wish.action)
    }

    /// Numbers at which something may change.
    fn edges(&self) -> BTreeSet<u64> {
        let ends = self.0.iter().flat_map(|wish| [wish.base, wish.base + wish.count]);
        let around = ends.flat_map(|edge| [edge.wrapping_sub(1), edge, edge + 1]);
        around.chain([0, 0x7FFF_FFFF, 0x8000_0000, END - 1]).filter(|number| *number < END).collect()
    }
}

fn action() -> impl Strategy<Value = FilterAction> {
    prop_oneof![
        4 => Just(FilterAction::Deny),
        4 => Just(FilterAction::Forward),
        2 => Just(FilterAction::Handle),
        1 => Just(FilterAction::Undefined)
    ]
}

/// Ranges near each other and near the edges of what is reserved, so that they meet.
fn wish() -> impl Strategy<Value = Wish> {
    let corner = prop_oneof![
        Just(0),
        Just(0x7FFF_FFF0),
        Just(0x8000_FFF0),
        Just(0x8400_0000),
        Just(0xBFFF_FFF0),
        Just(0xC000_FFF0),
        Just(0xC400_0000),
        Just(0xFFFF_FFE0),
        0..END
    ];
    let count = prop_oneof![8 => 0..24_u64, 1 => Just(0x1_0000), 1 => 0..END, 1 => Just(END)];
    (corner, 0..32_u64, count, action()).prop_map(|(corner, offset, count, action)| Wish {
        base: (corner + offset) % END,
        count,
        action,
    })
}

struct Bench {
    guest: Box<dyn Guest>,
    file: std::sync::Arc<RegisterFile>,
}

impl Bench {
    fn new() -> Self {
        let machine = Machine { arch: "arm64".to_owned(), features: ["kvm-arm".to_owned()].into() };
        let guest = Reference::new([&*ARCH]).boot(&machine).unwrap_or_else(|error| panic!("{error}"));
        Self { guest, file: RegisterFile::new(&ARCH) }
    }

    fn set(&mut self, wish: Wish) -> Result<(), &'static str> {
        let range = CallRange { base: wish.base, count: wish.count, action: wish.action };
        let answer = self.guest.filtering().expect("KVM filters").set(range).expect("the guest is there");
        answer.map_err(|Refusal(errno)| errno)
    }

    fn ranges(&mut self) -> Vec<CallRange> {
        self.guest.filtering().expect("KVM filters").get().expect("the reference keeps an account")
    }

    /// Makes a call and tells how it went: out to user space, denied, or some other way.
    fn call(&mut self, conduit: &str, number: u64) -> Option<FilterAction> {
        let code = self.guest.facts().code;
        let bytes = ARCH.assemble(conduit, &|_| None).expect("an instruction");
        self.guest.write(code, &bytes).expect("code can be written");
        let mut registers = Registers::default();
        for (name, value) in [("pc", code), ("x0", number), ("x1", 0), ("pstate", 0x3C5)] {
            registers.set(self.file.id(name).expect("a register"), value);
        }
        self.guest.set_registers(&registers).expect("registers can be set");
        let budget = Budget { until: code + 4, instructions: 9, patience: Duration::from_secs(1) };
        let stop = self.guest.run(budget).expect("the guest runs");
        if stop == Stop::Forwarded {
            let out = self.guest.forwarding().expect("calls go out").call().expect("one is out");
            assert_eq!(out.fields["nr"], number);
            self.guest.forwarding().expect("calls go out").answer(&out).expect("one is out");
            return Some(FilterAction::Forward);
        }
        let mut after = Registers::default();
        self.guest.registers(&mut after).expect("registers can be read");
        let denied = after.get(self.file.id("x0").expect("a register")) == Some(u64::MAX);
        denied.then_some(FilterAction::Deny)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_filter_answers_and_is_read_back_as_a_plain_list(
        wishes in prop::collection::vec(wish(), 1..16),
        late in wish(),
        numbers in prop::collection::vec(0..END, 8),
    ) {
        let (mut bench, mut list) = (Bench::new(), List::default());
        for wish in wishes {
            prop_assert_eq!(bench.set(wish), list.set(wish, false), "{:x?} after {:x?}", wish, list.0);
        }
        // Read back: every number once, in order, neighbours different, and as the list has it.
        let ranges = bench.ranges();
        prop_assert_eq!(ranges.iter().map(|range| range.count).sum::<u64>(), END);
        for pair in ranges.windows(2) {
            prop_assert_eq!(pair[0].base + pair[0].count, pair[1].base);
            prop_assert_ne!(pair[0].action, pair[1].action);
        }
        let told = |number: u64| {
            ranges.iter().find(|range| number.wrapping_sub(range.base) < range.count).map(|range| range.action)
        };
        let mut asked = list.edges();
        asked.extend(&numbers);
        for number in &asked {
            prop_assert_eq!(told(*number), Some(list.action(*number)), "{:#x}", number);
        }
        // Calls do what the list says, by either conduit; what is handled may be anything but forwarded.
        for (n, number) in asked.iter().enumerate() {
            let conduit = if n % 2 == 0 { "hvc 0" } else { "smc 0" };
            // Sleeping, off and reset: nothing comes after them.
            let psci = [0x8400, 0xC400].contains(&(number >> 16));
            let ends = psci && [1, 2, 8, 9, 0x12, 0x15].contains(&(number & 0xFFFF));
            match list.action(*number) {
                FilterAction::Handle if ends => {}
                FilterAction::Handle => prop_assert_ne!(bench.call(conduit, *number), Some(FilterAction::Forward)),
                action => prop_assert_eq!(bench.call(conduit, *number), Some(action), "{:#x} by {}", number, conduit),
            }
        }
        // It is too late now, unless the wish is none at all; and nothing has changed.
        bench.call("hvc 0", 0x8400_0000);
        prop_assert_eq!(bench.set(late), list.set(late, true));
        prop_assert_eq!(bench.ranges(), ranges);
    }

    #[test]
    fn a_guest_that_moves_with_its_filter_made_again_is_treated_alike(wishes in prop::collection::vec(wish(), 1..10)) {
        let mut bench = Bench::new();
        for wish in wishes {
            let _ = bench.set(wish);
        }
        let ranges = bench.ranges();
        let saved = bench.guest.migrating().expect("it moves").save().expect("it is saved");
        for host in [false, true] {
            let mut there = bench.guest.migrating().expect("it moves").destination().expect("there is a machine");
            if !host {
                for range in ranges.iter().filter(|range| range.action != FilterAction::Handle) {
                    prop_assert_eq!(there.filtering().expect("KVM filters").set(*range).expect("it is there"), Ok(()));
                }
            }
            let arrived = there.migrating().expect("it moves").restore(&saved, host).expect("it is there");
            prop_assert_eq!(arrived, Ok(()));
            prop_assert_eq!(&there.filtering().expect("KVM filters").get().expect("it is told"), &ranges);
        }
    }
}

#[test]
fn bytes_that_were_not_saved_are_refused() {
    let mut bench = Bench::new();
    let saved = bench.guest.migrating().unwrap().save().unwrap();
    for (guest, host) in [(&saved.guest[..saved.guest.len() - 1], &saved.host[..]), (&saved.guest, &saved.host[..7])] {
        let wrong = hypercheck::contract::Saved { guest: guest.to_vec(), host: host.to_vec() };
        let mut there = bench.guest.migrating().unwrap().destination().unwrap();
        assert_eq!(there.migrating().unwrap().restore(&wrong, true).unwrap(), Err(Refusal("EINVAL")));
    }
}
