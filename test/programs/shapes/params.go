package main

import "unsafe"

// Plain functions with parameters of each kind.

//go:noinline
func none() {}

//go:noinline
func bools(a bool, b bool) bool { return a != b }

//go:noinline
func ints(a int, b int8, c int16, d int32, e int64) int64 {
	return int64(a) + int64(b) + int64(c) + int64(d) + e
}

//go:noinline
func uints(a uint, b uint8, c uint16, d uint32, e uint64, f uintptr) uint64 {
	return uint64(a) + uint64(b) + uint64(c) + uint64(d) + e + uint64(f)
}

//go:noinline
func floats(a float32, b float64) float64 { return float64(a) * b }

//go:noinline
func mixed(a int, f float64, b string, g float32, c bool) float64 {
	if c {
		return f + float64(len(b)+a)
	}
	return float64(g)
}

//go:noinline
func complexes(a complex64, b complex128) complex128 { return complex128(a) * b }

//go:noinline
func text(s string) int { return len(s) }

//go:noinline
func bytesOf(b []byte) int { return len(b) }

//go:noinline
func runes(r rune, s []rune) int { return int(r) + len(s) }

//go:noinline
func pointers(p *int, q **int, u unsafe.Pointer) bool { return p != nil && q != nil && u == nil }

//go:noinline
func slices(a []int, b []string, c [][]byte) int { return len(a) + len(b) + len(c) }

//go:noinline
func maps(m map[string]int, n map[int]string) int { return len(m) + len(n) }

//go:noinline
func channels(c chan int, r <-chan int, s chan<- string) int { return len(c) + len(r) + cap(s) }

//go:noinline
func functions(f func(int) int, g func()) int { g(); return f(1) }

//go:noinline
func interfaces(e interface{}, err error, s stringer) string {
	if err != nil {
		return err.Error()
	}
	_ = e
	return s.String()
}

// variadic takes a slice in truth.
//
//go:noinline
func variadic(prefix string, rest ...int) int { return len(prefix) + len(rest) }

// Blank and unnamed parameters take registers although no one can use them.

//go:noinline
func blank(_ int, b string, _ float64, c int) int { return len(b) + c }

//go:noinline
func unnamed(int, string) int { return 3 }

//go:noinline
func onlyBlank(_ string, _ []int) {}

// Register overflow: what does not fit goes to the stack whole, later values may still use registers.

//go:noinline
func manyInts(a, b, c, d, e, f, g, h, i, j, k, l int) int {
	return a + 2*b + 3*c + 4*d + 5*e + 6*f + 7*g + 8*h + 9*i + 10*j + 11*k + 12*l
}

//go:noinline
func stringAcross(a, b, c, d, e, f, g, h int, s string, i int) int {
	return a + b + c + d + e + f + g + h + len(s) + i
}

//go:noinline
func manyFloats(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q float64) float64 {
	return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q
}

//go:noinline
func smallOnStack(a, b, c, d, e, f, g, h, i int, x int8, y int16, z bool, w float32) int {
	if z {
		return a + b + c + d + e + f + g + h + i + int(x) + int(y) + int(w)
	}
	return 0
}

// Arrays: length 0 takes nothing, 1 is its element, longer ones go to the stack.

//go:noinline
func arrays(a [0]int, b [1]int, c [2]int, d [3]byte, e int) int {
	return len(a) + b[0] + c[1] + int(d[2]) + e
}

//go:noinline
func floatArray(a [2]float64, b [1]float64) float64 { return a[0] + a[1] + b[0] }

type empty struct{}

//go:noinline
func zeroSized(a empty, b int, c [0]string, d struct{}) int { return b }

func init() {
	register("main.none", func() { none() })
	register("main.bools", func() { sink = bools(true, false) }, "a=true", "b=false", "=>~r0=true")
	register("main.ints", func() { sink = ints(-1, -2, -300, -70000, -5000000000) },
		"a=-1", "b=-2", "c=-300", "d=-70000", "e=-5000000000", "=>~r0=-5000070303")
	register("main.uints", func() { sink = uints(1, 200, 60000, 4000000000, 1<<63, 0x1f) },
		"a=1", "b=200", "c=60000", "d=4000000000", "e=9223372036854775808", "f=0x1f", "=>~r0=9223372040854836040")
	register("main.floats", func() { sink = floats(1.5, 2.25) }, "a=1.5", "b=2.25", "=>~r0=3.375")
	register("main.mixed", func() { sink = mixed(7, 0.5, "mix", 0.25, true) }, "a=7", "f=0.5", `b="mix"`, "g=0.25", "c=true", "=>~r0=10.5")
	register("main.complexes", func() { sink = complexes(1+2i, 3-4i) }, "a=(1+2i)", "b=(3-4i)", "=>~r0=(11+2i)")
	register("main.text", func() { sink = text("héllo\n") }, `s="héllo\n"`, "=>~r0=7")
	register("main.text", func() { sink = text("") }, `s=""`)
	register("main.bytesOf", func() { sink = bytesOf([]byte("raw")) }, `b=[]byte("raw")`)
	register("main.bytesOf", func() { sink = bytesOf([]byte{0, 255}) }, `b=[]byte{0, 255}`)
	register("main.runes", func() { sink = runes('x', []rune("ab")) }, "r=120", "s=[]int32{97, 98}")
	five := 5
	p := &five
	register("main.pointers", func() { sink = pointers(p, &p, nil) }, "p=&5", "q=&&5", "u=unsafe.Pointer(nil)")
	register("main.slices", func() { sink = slices([]int{1, 2}, []string{"a"}, nil) },
		"a=[]int{1, 2}", `b=[]string{"a"}`, "c=[][]uint8(nil)")
	register("main.maps", func() { sink = maps(map[string]int{"b": 2, "a": 1}, nil) },
		`m=map[string]int{"a":1, "b":2}`, "n=map[int]string(nil)")
	ch := make(chan int, 4)
	ch <- 7
	ch <- 8
	out := make(chan string, 2)
	register("main.channels", func() { sink = channels(ch, ch, out) },
		"c=chan int(len 2, cap 4){7, 8}", "r=<-chan int(len 2, cap 4){7, 8}", "s=chan<- string(len 0, cap 2){}")
	register("main.functions", func() { sink = functions(addOne, none) }, "f=func main.addOne", "g=func main.none")
	register("main.interfaces", func() { sink = interfaces(3, nil, celsius(21.5)) },
		"e=int(3)", "err=nil", "s=main.celsius(21.5)")
	register("main.variadic", func() { sink = variadic("p", 1, 2, 3) }, `prefix="p"`, "rest=[]int{1, 2, 3}", "=>~r0=4")
	register("main.variadic", func() { sink = variadic("p") }, `prefix="p"`, "rest=[]int(nil)")
	register("main.blank", func() { sink = blank(1, "two", 3, 4) }, `b="two"`, "c=4", "=>~r0=7")
	register("main.unnamed", func() { sink = unnamed(1, "two") }, "=>~r0=3")
	register("main.onlyBlank", func() { onlyBlank("x", nil) })
	register("main.manyInts", func() { sink = manyInts(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) },
		"a=1", "b=2", "c=3", "d=4", "e=5", "f=6", "g=7", "h=8", "i=9", "j=10", "k=11", "l=12", "=>~r0=650")
	register("main.stringAcross", func() { sink = stringAcross(1, 2, 3, 4, 5, 6, 7, 8, "nine", 10) },
		"a=1", "b=2", "c=3", "d=4", "e=5", "f=6", "g=7", "h=8", `s="nine"`, "i=10", "=>~r0=50")
	register("main.manyFloats",
		func() { sink = manyFloats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17) },
		"a=1", "b=2", "c=3", "d=4", "e=5", "f=6", "g=7", "h=8", "i=9", "j=10", "k=11", "l=12", "m=13", "n=14", "o=15",
		"p=16", "q=17")
	register("main.smallOnStack", func() { sink = smallOnStack(1, 2, 3, 4, 5, 6, 7, 8, 9, -10, -11, true, 12.5) },
		"a=1", "b=2", "c=3", "d=4", "e=5", "f=6", "g=7", "h=8", "i=9", "x=-10", "y=-11", "z=true", "w=12.5", "=>~r0=36")
	register("main.arrays", func() { sink = arrays([0]int{}, [1]int{1}, [2]int{2, 3}, [3]byte{4, 5, 6}, 7) },
		"a=[0]int{}", "b=[1]int{1}", "c=[2]int{2, 3}", `d=[3]byte{4, 5, 6}`, "e=7", "=>~r0=17")
	register("main.floatArray", func() { sink = floatArray([2]float64{1.5, 2.5}, [1]float64{3.5}) },
		"a=[2]float64{1.5, 2.5}", "b=[1]float64{3.5}")
	register("main.zeroSized", func() { sink = zeroSized(empty{}, 9, [0]string{}, struct{}{}) },
		"a=main.empty{}", "b=9", "c=[0]string{}", "d=struct {}{}")
}
