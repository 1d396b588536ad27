package main

// Literals, nested and captured, deferred calls, goroutines.

//go:noinline
func threeDeep(a int) func(int) func(int) func(int) int {
	return func(b int) func(int) func(int) int {
		return func(c int) func(int) int {
			return func(d int) int { return a + b + c + d }
		}
	}
}

//go:noinline
func captureByReference(n int) (func() int, func()) {
	total := n
	return func() int { return total }, func() { total++ }
}

var packageLiteral = func(a int, b string) int { return a + len(b) }

//go:noinline
func runLiteral(f func(int, string) int, a int) int { return f(a, "lit") }

//go:noinline
func deferred(a int, s string) (n int) {
	defer func() { n += a }()
	defer note(s, a)
	return a
}

//go:noinline
func note(s string, n int) { sink = n }

//go:noinline
func deferInLoop(n int) (total int) {
	for i := 0; i < n; i++ {
		defer func(k int) { total += k }(i)
	}
	return n
}

//go:noinline
func spawn(a int, s string) int {
	done := make(chan int)
	go worker(a, s, done)
	go func() { done <- a }()
	return <-done + <-done
}

//go:noinline
func worker(a int, s string, done chan<- int) { done <- a + len(s) }

//go:noinline
func recovers(a int) (result string) {
	defer func() {
		if r := recover(); r != nil {
			result = "recovered"
		}
	}()
	panics(a)
	return "not reached"
}

//go:noinline
func panics(a int) int {
	if a > 0 {
		panic("boom")
	}
	return a
}

//go:noinline
func neverReturns(a int) {
	panic(a)
}

func init() {
	register("main.threeDeep", func() { sink = threeDeep(1)(2)(3)(4) }, "a=1")
	register("main.captureByReference", func() { f, g := captureByReference(3); g(); sink = f() }, "n=3")
	register("main.runLiteral", func() { sink = runLiteral(packageLiteral, 2) }, "a=2")
	register("main.deferred", func() { sink = deferred(1, "d") }, "a=1", `s="d"`, "=>n=2")
	register("main.note", func() { note("direct", 4) }, `s="direct"`, "n=4")
	register("main.deferInLoop", func() { sink = deferInLoop(3) }, "n=3", "=>total=6")
	register("main.spawn", func() { sink = spawn(1, "go") }, "a=1", `s="go"`)
	register("main.recovers", func() { sink = recovers(1) }, "a=1", `=>result="recovered"`)
	register("main.panics", func() { sink = panics(0) }, "a=0")
	register("main.neverReturns", func() { defer func() { _ = recover() }(); neverReturns(1) }, "a=1")
}
