// Functions whose results some compilers leave out of their DWARF.
package main

import "os"

type pair struct{ a, b int }

type counter struct{ n int }

//go:noinline
func none(a int) { sink = a }

//go:noinline
func one(a int) int { return a + 1 }

//go:noinline
func named(a int) (r int, err error) { r = a; return }

//go:noinline
func array(a int) ([3]int, string) { return [3]int{a}, "s" }

//go:noinline
func structure(p pair) pair { p.a++; return p }

//go:noinline
func float(f float64) float64 { return f * 2 }

//go:noinline
func blank(_ int, b string) (_ int, _ error) { return len(b), nil }

//go:noinline
func (c *counter) method(s string) (string, error) { return s, nil }

func alsoInlined(a int) int { return a * 3 }

var sink interface{}

func main() {
	n := len(os.Args)
	none(n)
	f := alsoInlined
	if n > 3 {
		f = one
	}
	sink, _ = named(one(n))
	sink, _ = array(n)
	sink = structure(pair{n, 2})
	sink = float(2.5)
	sink, _ = blank(1, "x")
	sink, _ = (&counter{}).method("m")
	sink = f(alsoInlined(n))
	ranges()
}
