package main

// Texts around the limit whose cut falls into runes, whole and broken ones.

//go:noinline
func takesTexts(a string, b Name, c []byte, f []string) (string, interface{}) { return a, c }

//go:noinline
func takesText300(a [300]byte, n int) (int, []byte) { return n, a[:n] }

func init() {
	for _, unit := range []string{"\xff", "é", "€", "😀", "\xe2\x82", "a\x80", "\xf0\x9f", "\xed\xa0\x80", "\u0085"} {
		for start := 250; start < 260; start += 3 {
			s := ""
			for len(s) < start {
				s += "x"
			}
			for len(s) < 300 {
				s += unit
			}
			var array [300]byte
			copy(array[:], s)
			check(takesTexts, "a b c f", s, s, s, []string{s[:255], s[:256], s[:257], s[:258]})
			check(takesText300, "a n", array, start+3)
		}
	}
}
