//go:build go1.23
// +build go1.23

package main

import "iter"

// Range over functions: loop bodies become literals named f-rangeN.

//go:noinline
func countTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

//go:noinline
func rangeOverFunc(n int, s string) (total int) {
	for i := range countTo(n) {
		defer func() { total++ }()
		for j := range countTo(i) {
			total += j + len(s)
			if total > 100 {
				return total
			}
		}
	}
	return total
}

func init() {
	register("main.countTo", func() { sink = countTo(2) }, "n=2")
	register("main.rangeOverFunc", func() { sink = rangeOverFunc(3, "r") }, "n=3", `s="r"`)
}
