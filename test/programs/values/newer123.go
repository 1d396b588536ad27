//go:build go1.23
// +build go1.23

package main

import (
	"context"
	"errors"
	"iter"
	"unique"
)

// Range over functions, and types that came with Go 1.20 to 1.23.

//go:noinline
func countTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

//go:noinline
func ranged(n int, label string) (total int, last string) {
	for i := range countTo(n) {
		total += i
		if i == 3 {
			return total, label
		}
	}
	return total, "end"
}

//go:noinline
func takesSeq(s iter.Seq[int], h unique.Handle[string]) string { return h.Value() }

func init() {
	check(ranged, "n label -> total last", 3, "label")
	check(ranged, "n label -> total last", 9, "label")
	check(takesSeq, "s h", iter.Seq[int](nil), unique.Make("unique"))
	check(takesError, "err also all", errors.Join(errPlain, MyError{1, "m"}), nil, nil)
	cause, cancel := context.WithCancelCause(context.WithoutCancel(context.WithValue(context.Background(), contextKey(3), "v")))
	cancel(MyError{9, "cause"})
	check(takesContext, "ctx n", cause, 2)
}
