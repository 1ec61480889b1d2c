#!/bin/bash
# Shows that the comparison with QEMU notices mistakes of the core: plants one fault a family, one at a time, and expects
# the test to fail for a difference. Run it in a checkout without changes in harness/ppc/src; a fault takes some seconds.
#
#   harness/ppc/tests/qemu_user/faults.sh [FAMILY]
#
# With a regular expression only the families that match it are planted.
# A fault is: family @ file in harness/ppc/src @ what stands there @ what is put in its place @ tests to run.
set -u
cd "$(dirname "$0")/../../src" || exit 1
git diff --quiet -- . || { echo "harness/ppc/src has changes; commit them first" >&2; exit 1; }
trap 'git checkout -q -- .' EXIT
log=$(mktemp)

faults='
arithmetic @ arithmetic.rs @ Op::Subfe => self.add(word, !a, b, carry, true) @ Op::Subfe => self.add(word, !a, b, true, true) @ big_endian
overflow @ cpu.rs @ self.xer |= XER_SO; @ self.xer |= 0; @ big_endian
record @ cpu.rs @ 0 => 2, @ 0 => 4, @ 32_bit
logical @ logical.rs @ Op::Andc => s & !b @ Op::Andc => s & b @ 32_bit
rotate @ rotate.rs @ Op::Rlwnm => rotate_word(s, b as u32 & 31) @ Op::Rlwnm => rotate_word(s, b as u32 & 15) @ 32_bit
shift @ rotate.rs @ if by >= 64 { value } @ if by >= 32 { value } @ big_endian
compare @ compare.rs @ (extend(a), extend(b)) }; @ (a, b) }; @ big_endian
select @ compare.rs @ self.base(ra(word)) @ self.gpr[ra(word)] @ big_endian
trap @ compare.rs @ to & 2 != 0 && unsigned_a < unsigned_b @ to & 2 != 0 && unsigned_a <= unsigned_b @ 32_bit
condition register @ condition.rs @ Op::Crorc => a || !b @ Op::Crorc => a || b @ 32_bit
load @ load_store.rs @ Op::Lha => (D, 2, Sign) @ Op::Lha => (D, 2, Zero) @ little_endian
byte-reversed store @ load_store.rs @ Op::Sthbrx => (X, 2, true) @ Op::Sthbrx => (X, 2, false) @ little_endian
update @ load_store.rs @ Op::Stwux => (Xu, 4, false) @ Op::Stwux => (X, 4, false) @ big_endian
string @ load_store.rs @ (self.gpr[register] as u32).to_be_bytes() @ (self.gpr[register] as u32).to_le_bytes() @ 32_bit
quadword @ load_store.rs @ self.store(memory, address + 8, 8, self.gpr[register + second]) @ self.store(memory, address + 8, 8, self.gpr[register + first]) @ little_endian
alignment @ reservation.rs @ if !address.is_multiple_of(length) @ if length == 16 && !address.is_multiple_of(length) @ big_endian
reservation @ reservation.rs @ self.reservation = None; @ self.reservation = Some(reservation); @ big_endian
branch @ branch.rs @ (self.effective(self.ctr) == 0) == (bo & 2 != 0) @ (self.effective(self.ctr) == 0) != (bo & 2 != 0) @ 32_bit
link @ branch.rs @ self.lr = self.effective(self.pc.wrapping_add(4)) @ self.lr = self.effective(self.pc.wrapping_add(8)) @ 32_bit
special-purpose register @ spr.rs @ Spr::Lr => self.lr = value @ Spr::Lr => self.lr = value & !3 @ 32_bit
cache @ model.rs @ => 128, @ => 64, @ little_endian
atomic @ atomic.rs @ 6 => a.min(b), @ 6 => a.max(b), @ big_endian
atomic, signed @ atomic.rs @ } else { value.cast_signed() } @ } else { i64::from(value as i32) } @ little_endian
decimal sixes @ decimal.rs @ (u128::from(b) & mask) > mask @ (u128::from(b) & mask) >= mask @ big_endian
decimal digits @ decimal.rs @ (1, 0) => (small(p, q, r), large(u), large(low)), @ (1, 0) => (small(p, q, r), large(t), large(low)), @ big_endian
declets @ decimal.rs @ (_, 0, _) => join(upper(b), low(a), 1, low(b), 7), @ (_, 0, _) => join(upper(b), low(a), 2, low(b), 7), @ little_endian
prefixed load @ prefixed.rs @ Op::Plha => (2, true), @ Op::Plha => (2, false), @ big_endian
prefixed, relative @ prefixed.rs @ if relative { self.pc } @ if relative { self.pc.wrapping_add(8) } @ big_endian
prefixed displacement @ prefixed.rs @ ((displacement << 30).cast_signed() >> 30) @ ((displacement << 31).cast_signed() >> 31) @ little_endian
prefixed quadword @ prefixed.rs @ self.set(register, values[0]); @ self.set(register, values[1]); @ little_endian
privilege @ run.rs @ row.privilege != Privilege::Problem @ row.privilege == Privilege::Hypervisor @ words
decoder @ row.rs @ u32::from(key.models) & model.bit() != 0 @ key.models != 0 @ words
'

missed=0
while read -r line; do
    [[ $line =~ ^.*\ @\  && ${line%% @ *} =~ ${1:-.} ]] || continue
    IFS=$'\x01' read -r family file from to test <<<"${line// @ /$'\x01'}"
    FROM=$from TO=$to perl -pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$file"
    if git diff --quiet -- .; then
        echo "$family: $file has no such text"
        missed=1
        continue
    fi
    HYPERCHECK_REQUIRE=qemu-user HYPERCHECK_CASES=30000 RUST_BACKTRACE=0 \
        cargo test -q -p hypercheck-ppc --test qemu_user "$test" </dev/null >"$log" 2>&1
    if [ $? -ne 0 ] && grep -q 'differs from the core in case\|words differ on' "$log"; then
        echo "$family: noticed, $(grep -m1 'differs from the core in case\|words differ on' "$log")"
    else
        echo "$family: MISSED"
        tail -4 "$log"
        missed=1
    fi
    git checkout -q -- .
done <<<"$faults"
rm -f "$log"
exit $missed
