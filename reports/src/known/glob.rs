//! Patterns over outcome IDs.

/// Whether `pattern`, in which `*` is any text and `?` any one character, covers the whole of `text`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, t) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;
    use rstest::rstest;

    #[rstest]
    #[case("papr/H_CEDE/row", "papr/H_CEDE/row", true)]
    #[case("papr/H_CEDE/row", "papr/H_CEDE/row-1", false)]
    #[case("papr/*", "papr/H_CEDE/row", true)]
    #[case("papr/*/row-?", "papr/H_CEDE/row-1", true)]
    #[case("papr/*/row-?", "papr/H_CEDE/row-10", false)]
    #[case("*row*1*", "papr/row/row/1/1", true)]
    #[case("*", "", true)]
    #[case("?", "", false)]
    #[case("**a", "bca", true)]
    #[case("a*b", "abab", true)]
    #[case("[a]", "a", false)]
    fn a_pattern_covers_what_it_should(#[case] pattern: &str, #[case] text: &str, #[case] covers: bool) {
        assert_eq!(matches(pattern, text), covers);
    }
}
