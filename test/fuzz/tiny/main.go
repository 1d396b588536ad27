// Command tiny is a small program for the fuzzer to damage: little code, each kind of table.
package main

type point struct {
	X, Y int
	Name string
	Next *point
}

type speaker interface{ speak(times int) string }

//go:noinline
func (p *point) speak(times int) string {
	if times > 1 {
		return p.Name + p.speak(times-1)
	}
	return p.Name
}

//go:noinline
func mixed(a int, s string, f float64, p point, b []byte, m map[string]int, e error) (n int, err error) {
	for _, x := range b {
		n += twice(int(x)) + a
	}
	return n + len(s) + int(f) + p.X + len(m), e
}

func twice(n int) int { return 2 * n }

func main() {
	p := &point{1, 2, "p", nil}
	var s speaker = p
	n, _ := mixed(1, s.speak(3), 2.5, *p, []byte("bytes"), map[string]int{"k": 1}, nil)
	f := func(k int) int { return n + k }
	println(f(twice(2)))
}
