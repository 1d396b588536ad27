// Captured has function literals in whose bodies captured variables stand in every kind of place, so that the order in
// which the compiler puts them into the closure object can be held against the order in which the source names them.
package main

import (
	"fmt"
	"strconv"
	"unsafe"
)

type point struct{ x, y int }

const debug = false

var (
	kept  []interface{}
	count int
)

func keep(f interface{}) { kept = append(kept, f) }

func use(values ...interface{}) int { return len(values) }

func (p point) add(n int) int { return p.x + n }

func expressions(a, b, c, d int, p point, list []int, byName map[string]int) {
	keep(func() int { return b + a*c - d })
	keep(func() int { return p.add(list[c]) + byName[strconv.Itoa(a)] })
	keep(func() []int { return append(list[a:b], []int{d, c}...) })
	keep(func() interface{} { return map[string]int{strconv.Itoa(c): a, "b": b} })
	keep(func() interface{} { return &point{x: b, y: a} })
	keep(func() interface{} { return []point{{x: d, y: c}, {a, b}} })
	keep(func() bool { return a > b && (c < d || !(p.x == 1)) })
	keep(func() string { return fmt.Sprint(d, func() int { return c + a }(), b) })
	keep(func() interface{} { return interface{}(p).(fmt.Stringer) })
	keep(func() int { return *(&b) + int(float64(a)) })
}

func statements(a, b, c, d int, list []int, values chan int, any interface{}) {
	keep(func() { b = a; c, d = d, c })
	keep(func() { d++; list[a] += b })
	keep(func() {
		for i := d; i < c; i += b {
			use(i, a)
		}
	})
	keep(func() {
		for i, v := range list {
			use(a, i, v)
		}
		for range list[b:] {
		}
	})
	keep(func() {
		if n := b; n > a {
			use(c)
		} else if n < d {
			use(list)
		}
	})
	keep(func() {
		switch x := b; x {
		case a, c:
			use(d)
		default:
			use(list)
		}
	})
	keep(func() {
		switch {
		case d > 1:
			use(a)
		case c > 1:
			use(b)
		}
	})
	keep(func() {
		switch v := any.(type) {
		case int:
			use(b, v)
		case string:
			use(a, v)
		}
	})
	keep(func() {
		select {
		case values <- d:
			use(a)
		case v := <-values:
			use(b, v)
		case c = <-values:
		default:
		}
	})
	keep(func() {
		defer use(d)
		go use(c, func() { use(b) })
		use(a)
	})
	keep(func() {
	again:
		for b > 0 {
			b--
			if a > 0 {
				continue again
			}
			break again
		}
		use(c)
	})
}

// Names that stand for something else than the outer variable.
func shadows(a, b, c, d int) {
	keep(func() {
		a := b
		use(a, c)
	})
	keep(func(b int) { use(b, a) })
	keep(func() (c int) { c = d; return c })
	keep(func() {
		const a = 1
		use(a, b)
	})
	keep(func() {
		type b int
		use(b(1), c)
	})
	keep(func() {
		for a := range []int{1} {
			use(a)
		}
		use(d, a)
	})
	keep(func() {
		if a := b; a > 0 {
			use(a)
		}
		use(c, a)
	})
	keep(func() {
		{
			var a, b = b, a
			use(a, b)
		}
		use(d)
	})
	keep(func() {
		f := func(a int) int { return a + c }
		use(f(b), a)
	})
	e, f := d, c
	keep(func() { use(f, e) })
	{
		e := e + 1
		keep(func() { use(e, a, f) })
	}
	for i, v := range []string{"a"} {
		keep(func() { use(v, i, d) })
	}
	var g, h interface{} = a, b
	keep(func() { use(h, g) })
}

// What the compiler leaves out, or may: nothing need be said of these.
func doubtful(a, b, c, d int, array [4]int) {
	keep(func() int {
		if debug {
			use(a)
		}
		return b + a
	})
	keep(func() int {
		if !debug && b > 0 {
			use(a)
		}
		return c
	})
	keep(func() int { return len(array) + a })
	keep(func() int { return int(unsafe.Sizeof(a)) + b })
	keep(func() int {
		return a
		return b
	})
	keep(func() int {
		if a > 0 {
			panic(b)
			use(c)
		}
		return c + d
	})
	keep(func() {
		switch debug {
		case true:
			use(a)
		default:
			use(b)
		}
		use(a)
	})
	keep(func() {
		for debug {
			use(a)
		}
		use(b, a)
	})
	keep(func() { _ = a; use(b) })
	keep(func() int {
		for {
			use(a)
		}
		return b
	})
}

// Literals in a literal that stands in no function.
var outer = func(a, b int, c string) {
	keep(func() { use(c, a) })
	keep(func() {
		keep(func() { use(b, c) })
		use(a)
	})
}

type number struct{ n int }

func (n *number) method(a, b int) {
	keep(func() { use(b, n.n, a) })
	keep(func() { n = &number{n: b} })
}

func main() {
	expressions(1, 2, 3, 4, point{}, []int{1}, nil)
	statements(1, 2, 3, 4, []int{1}, nil, nil)
	shadows(1, 2, 3, 4)
	doubtful(1, 2, 3, 4, [4]int{})
	(&number{}).method(1, 2)
	outer(1, 2, "c")
	fmt.Println(len(kept))
}
