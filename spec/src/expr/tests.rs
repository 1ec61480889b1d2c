//! The language of expressions.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

struct Fixed;
impl Scope for Fixed {
    fn name(&self, name: &str) -> Option<u64> {
        Some(match name {
            "size" => 3,
            "buffer-size" => 16,
            "msr.pr" => 1,
            "r3" => 0x1_0000_0054,
            _ => return None,
        })
    }
    fn memory(&self, address: u64, length: u64) -> Option<u64> {
        (address == 0x1004 && length == 2).then_some(640)
    }
    fn is_ram(&self, address: u64, length: u64) -> bool {
        address + length <= 0x1000
    }
}

#[rstest]
#[case("size not in {1, 2, 4, 8}", 1)]
#[case("size in {1..4}", 1)]
#[case("not size in {1..4}", 0)]
#[case("u32(r3) == 0x54 and msr.pr == 1", 1)]
#[case("buffer-size - 4", 12)]
#[case("1 + 2 * 3 << 1", 14)]
#[case("be16(0x1000 + 4) < 640 or not ram(0xFFF, 2)", 1)]
#[case("-4096 & ~0xFFF", 0xFFFF_FFFF_FFFF_F000)]
#[case("if(size == 3, 7, 8)", 7)]
#[case("signed(-1) < signed(0)", 1)]
#[case("sign32(0x80000000)", 0xFFFF_FFFF_8000_0000)]
#[case("1 << 64", 0)]
fn expressions_have_their_value(#[case] text: &str, #[case] value: u64) {
    assert_eq!(Expr::parse(text).unwrap().evaluate(&Fixed), Ok(value));
}

#[rstest]
#[case("size not", "operator missing")]
#[case("(1", "expected `)`")]
#[case("1 +", "expected a number")]
#[case("0xZZ", "no 64-bit number")]
#[case("ram(1)", "takes 2 arguments")]
fn trouble_says_where(#[case] text: &str, #[case] message: &str) {
    let error = Expr::parse(text).unwrap_err();
    assert!(error.contains(message) && error.contains("character"), "{error}");
}

#[test]
fn an_unknown_name_is_told() {
    assert_eq!(Expr::parse("1 + szie").unwrap().evaluate(&Fixed), Err("szie".to_owned()));
}

fn expressions() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Expr::number),
        prop_oneof![Just("size"), Just("buffer-size"), Just("msr.pr")].prop_map(|n| Expr::Name(n.to_owned())),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (0..17usize, inner.clone(), inner.clone()).prop_map(|(n, a, b)| Expr::Binary(
                Binary::ALL[n].0,
                Box::new(a),
                Box::new(b)
            )),
            inner.clone().prop_map(|x| Expr::Unary(Unary::Not, Box::new(x))),
            inner.clone().prop_map(|x| Expr::Unary(Unary::Complement, Box::new(x))),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(x, a, b)| Expr::In(Box::new(x), vec![(a, b)])),
            (inner.clone(), inner.clone(), inner).prop_map(|(x, a, b)| Expr::Call(Function::If, vec![x, a, b])),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_to_the_same_value(expr in expressions()) {
        let text = expr.to_string();
        let again = Expr::parse(&text).unwrap();
        prop_assert_eq!(again.evaluate(&Fixed), expr.evaluate(&Fixed), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,60}") {
        let _ = Expr::parse(&text);
    }
}

#[rstest]
#[case("x1[31..0] == 5", "x1[31..0]")]
#[case("2 + cs[1..0]", "cs[1..0]")]
#[case("rcx[16]", "rcx[16]")]
fn bits_of_a_register_are_a_name(#[case] text: &str, #[case] name: &str) {
    let expr = Expr::parse(text).unwrap();
    assert!(expr.names().contains(name), "{expr}");
    assert_eq!(Expr::parse(&expr.to_string()).unwrap(), expr);
}

#[test]
fn bits_that_are_none_are_told() {
    assert!(Expr::parse("x1[0..31]").unwrap_err().contains("[high..low]"));
}

#[rstest]
#[case(0x1122, 2, 0x2211)]
#[case(0x1122_3344, 4, 0x4433_2211)]
#[case(0x0102_0304_0506_0708, 8, 0x0807_0605_0403_0201)]
fn the_other_byte_order_turns_the_bytes_round(#[case] value: u64, #[case] length: usize, #[case] other: u64) {
    assert_eq!(swapped(value, length), other);
    assert_eq!(swapped(other, length), value);
}
