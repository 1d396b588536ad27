// Inlined calls small functions in every shape, so that the compiler inlines them where it can. What it calls with which
// arguments is fixed: a build with -gcflags=-l makes the same calls and inlines none, and is the witness. The functions
// whose names begin with "call" are not inlined and make one call a line, so that each of their lines stands for one
// copy.
package main

import "os"

type point struct {
	x, y int
	name string
}

type celsius int

var (
	sink  int
	text  = "text"
	table [64]int
	here  = &point{x: 3, y: 4, name: "here"}
)

//go:noinline
func outside(n int) int {
	sink += n
	return n ^ 5
}

// Shapes of callees.

func add(a, b int) int { return a + b }

func store(a, b int) int {
	sink = (sink + a*b) & 0xffff
	return sink
}

func early(n int, s string) int {
	if n < 3 {
		return n
	}
	sink += len(s)
	return sink + n
}

func load(p *point, n int) int { return p.x*n + p.y }

func indexed(n int) int {
	table[n&63] += n
	return table[(n+1)&63]
}

func looped(n int) int {
	total := 0
	for i := 0; i < n&3; i++ {
		total += table[i]
	}
	return total
}

func reassigned(n, m int) int {
	if n > 2 {
		n = m * 7
	}
	sink ^= n
	return n
}

func addressed(n int) int {
	p := &n
	*p += sink & 1
	return n + sink
}

func captured(n int) int {
	f := func() { n++ }
	f()
	return n + sink
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func below(n, limit int) bool { return n < limit }

func half(n int) int { return n >> 1 }

func through(n int, b bool) int {
	if b {
		return outside(n)
	}
	return n
}

func name(p point) int { return len(p.name) + p.x + sink }

func deep(n, m int) int { return store(n, m) + early(m, text) }

func deeper(n int) int {
	if n&1 == 0 {
		return deep(n, n)
	}
	return load(here, n)
}

// everywhere has no code of its own: every call is inlined.
func everywhere(n int, s string) int {
	sink += n
	return sink + len(s)
}

func (p *point) scaled(n int) int { return p.x*n + sink }

func (p point) sum(n int) int {
	sink += n
	return p.x + p.y + n
}

func (c celsius) kelvin() int { return int(c) + 273 + sink }

// Shapes of calls.

//go:noinline
func callPlain(a, b int, s string) int {
	x := 0
	r := store(a, b)
	x = early(a, s)
	r += x
	x = early(b, "constant")
	r += x
	x = store(a, 7)
	r += x
	x = add(a, b)
	r += x
	x = everywhere(a, s)
	r += x
	return r
}

//go:noinline
func callLoops(n int, s string) int {
	x := 0
	r := 0
	for i := 0; i < n; i++ {
		x = store(i, n)
		r += x
		for k := 0; k < 2; k++ {
			x = indexed(k)
			r += x
			x = early(k, s)
			r += x
		}
	}
	for k := 0; below(k, n); k++ {
		r += 9
	}
	for i := range table[:n&7] {
		x = looped(i)
		r += x
	}
	return r
}

//go:noinline
func callBranches(n, m int, b bool, c byte) int {
	x := 0
	r := n
	if n > m {
		r = add(r, m)
	}
	if b {
		r = half(r)
	} else {
		r = add(r, 1)
	}
	if n&1 == 0 {
		r = load(here, n)
	} else {
		r = indexed(m)
	}
	if b && isDigit(c) {
		r++
	}
	if n == 2 || below(m, n) {
		r += 2
	}
	if c >= '0' && belowByte(c) {
		r += 3
	}
	if b {
		x = through(r, b)
		r += x
	}
	return r
}

func belowByte(c byte) bool { return c <= '9' }

//go:noinline
func callSwitch(n, m int) int {
	x := 0
	r := m
	switch {
	case below(n, 2):
		r = store(m, n)
	case below(m, 3):
		r = reassigned(m, n)
	default:
		r = indexed(n)
	}
	switch n & 3 {
	case 1:
		x = looped(n)
		r += x
	case 2:
		x = early(m, text)
		r += x
	}
	return r
}

//go:noinline
func callMethods(p *point, q point, c celsius, n int) int {
	x := 0
	r := p.scaled(n)
	x = q.sum(n)
	r += x
	x = c.kelvin()
	r += x
	x = name(q)
	r += x
	x = p.sum(r)
	r += x
	return r
}

//go:noinline
func callChanged(n, m int) int {
	x := 0
	r := reassigned(n, m)
	x = addressed(n)
	r += x
	x = captured(m)
	r += x
	for i := 0; i < 3; i++ {
		x = reassigned(i, r)
		r += x
	}
	return r
}

//go:noinline
func callNested(n, m int) int {
	x := 0
	r := deep(n, m)
	x = deeper(n)
	r += x
	x = deeper(r)
	r += x
	return r
}

//go:noinline
func callDying(n, m int, s string) int {
	r := store(n, m)
	n = early(r, s)
	m = indexed(n)
	k := outside(m)
	return k + outside(r)
}

//go:noinline
func callClosures(n, m int) int {
	x := 0
	r := func(k int) int { return k + sink }(n)
	f := func(k int) int {
		return store(k, m)
	}
	x = f(n)
	r += x
	return r + f(m)
}

//go:noinline
func callDeferred(n, m int) (r int) {
	x := 0
	defer func() {
		x = store(n, m)
		r += x
	}()
	r = early(n, text)
	if n > 2 {
		x = load(here, m)
		r += x
	}
	return r
}

//go:noinline
func callRecovering(n int) (r int) {
	x := 0
	defer func() {
		if recover() != nil {
			r = -1
		}
	}()
	r = indexed(n)
	if n&1 == 1 {
		panic(n)
	}
	x = store(n, r)
	r += x
	return r
}

func main() {
	if len(os.Args) > 2 {
		text = os.Args[2]
	}
	total := 0
	for n := 0; n < 12; n++ {
		m := sink & 7
		total += callPlain(n, m, text)
		total += callLoops(n&3, text)
		total += callBranches(n, m, n&2 == 0, byte('/'+n))
		total += callSwitch(n&3, m)
		total += callMethods(here, point{x: n, y: m, name: text}, celsius(n), n)
		total += callChanged(n, m)
		total += callNested(n, m)
		total += callDying(n, m, text)
		total += callClosures(n, m)
		total += callDeferred(n, m)
		total += callRecovering(n)
		total += callGeneric(n, text)
	}
	sink = total
}
