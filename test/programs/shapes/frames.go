package main

import "example.com/shapes/asmfn"

// Frames of each size, leaves, loops, several returns, inlining, init functions, names beyond ASCII.

//go:noinline
func smallFrame(a int) int { return text("x") + a }

//go:noinline
func mediumFrame(a int) int {
	var buffer [50]int
	fill(buffer[:], a)
	return buffer[a%50]
}

// bigFrame's stack check has a jb before its jbe.
//
//go:noinline
func bigFrame(a int, s string) int {
	var buffer [1000]int
	fill(buffer[:], a)
	return buffer[a%1000] + len(s)
}

//go:noinline
func fill(b []int, v int) {
	for i := range b {
		b[i] = v
	}
}

//go:nosplit
//go:noinline
func nosplitLeaf(a, b int) int { return a ^ b }

//go:noinline
func framelessLeaf(a, b int) int { return a*3 + b }

// loopAtEntry's first instruction can be a branch target.
//
//go:noinline
func loopAtEntry(n uint) uint {
	for n&1 == 0 {
		n >>= 1
	}
	return n
}

//go:noinline
func loopOverSlice(b []byte, c byte) int {
	for i, x := range b {
		if x == c {
			return i
		}
	}
	return -1
}

//go:noinline
func severalReturns(a int, s string) string {
	switch {
	case a < 0:
		return "negative"
	case a == 0:
		return s
	case a > 100:
		return s + "big"
	}
	if text(s) > a {
		return "short"
	}
	return s[:1]
}

//go:noinline
func bigSwitch(a int) string {
	switch a {
	case 0:
		return "zero"
	case 1:
		return "one"
	case 2:
		return "two"
	case 3:
		return "three"
	case 4:
		return "four"
	case 5:
		return "five"
	case 6:
		return "six"
	case 7:
		return "seven"
	case 8:
		return "eight"
	case 9:
		return "nine"
	}
	return "many"
}

//go:noinline
func recursion(n int) int {
	if n <= 0 {
		return 0
	}
	return 1 + recursion(n-1)
}

func mutualA(n int) int {
	if n <= 0 {
		return 0
	}
	return mutualB(n - 1)
}

func mutualB(n int) int {
	if n <= 0 {
		return 1
	}
	return mutualA(n - 1)
}

// inlinedEverywhere has no code of its own; inlinedInPlaces has, because its address is taken.
func inlinedEverywhere(a, b int) int { return a*7 + b }

func inlinedInPlaces(a int, s string) int { return a + len(s)*2 }

var keepsInlined = inlinedInPlaces

//go:noinline
func inlineUserOne(a int) int { return inlinedEverywhere(a, 1) + inlinedInPlaces(a, "one") }

//go:noinline
func inlineUserTwo(a int) int { return inlinedEverywhere(a, 2) * inlinedInPlaces(a, "two") }

func inlineChain(a int) int { return inlinedEverywhere(a, 3) + 1 }

//go:noinline
func inlineUserThree(a int) int { return inlineChain(a) + inlineChain(a+1) }

//go:noinline
func größe(länge int, 名前 string) int { return länge + len(名前) }

type Δtype struct{ Ω int }

//go:noinline
func (δ Δtype) Maß(x int) int { return δ.Ω + x }

var initialised int

func init() { initialised++ }

func init() { initialised += 2 }

func init() {
	register("main.smallFrame", func() { sink = smallFrame(1) }, "a=1")
	register("main.mediumFrame", func() { sink = mediumFrame(2) }, "a=2")
	register("main.bigFrame", func() { sink = bigFrame(3, "big") }, "a=3", `s="big"`, "=>~r0=6")
	register("main.nosplitLeaf", func() { sink = nosplitLeaf(5, 6) }, "a=5", "b=6", "=>~r0=3")
	register("main.framelessLeaf", func() { sink = framelessLeaf(7, 8) }, "a=7", "b=8")
	register("main.loopAtEntry", func() { sink = loopAtEntry(96) }, "n=96", "=>~r0=3")
	register("main.loopOverSlice", func() { sink = loopOverSlice([]byte("abc"), 'c') }, `b=[]byte("abc")`, "c=99")
	for _, a := range []int{-1, 0, 101, 1, 9} {
		a := a
		register("main.severalReturns", func() { sink = severalReturns(a, "ret") }, "a="+itoa(a), `s="ret"`)
	}
	register("main.bigSwitch", func() { sink = bigSwitch(6) }, "a=6", `=>~r0="six"`)
	register("main.recursion", func() { sink = recursion(0) }, "n=0")
	register("main.mutualA", func() { sink = mutualA(0) }, "n=0")
	register("main.inlineUserOne", func() { sink = inlineUserOne(1) }, "a=1", "=>~r0=15")
	register("main.inlineUserTwo", func() { sink = inlineUserTwo(2) }, "a=2")
	register("main.inlineUserThree", func() { sink = inlineUserThree(3) }, "a=3")
	register("main.inlinedInPlaces", func() { sink = keepsInlined(4, "kept") }, "a=4", `s="kept"`)
	register("main.größe", func() { sink = größe(1, "name") }, "länge=1", `名前="name"`)
	register("main.Δtype.Maß", func() { sink = Δtype{2}.Maß(3) }, "δ=main.Δtype{Ω:2}", "x=3")
	register("example.com/shapes/asmfn.Add", func() { sink = asmfn.Add(1, 2) }, "a=1", "b=2")
	register("example.com/shapes/asmfn.CountDown", func() { sink = asmfn.CountDown(3) }, "n=3")
}

func itoa(a int) string {
	if a < 0 {
		return "-" + itoa(-a)
	}
	if a < 10 {
		return string(rune('0' + a))
	}
	return itoa(a/10) + itoa(a%10)
}
