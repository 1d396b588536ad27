//go:build go1.21
// +build go1.21

package main

import (
	"context"
	"errors"
)

//go:noinline
func builtins(a, b int, m map[string]int) int {
	clear(m)
	return min(a, b) + max(a, 3)
}

func init() {
	register("main.builtins", func() { sink = builtins(1, 2, map[string]int{"x": 1}) }, "a=1", "b=2", `m=map[string]int{"x":1}`)
	// The compiler's DWARF puts cause into the registers of err.
	register("context.(*cancelCtx).cancel", func() {
		_, cancel := context.WithCancelCause(context.Background())
		cancel(errors.New("why"))
	}, "removeFromParent=true", `err=&errors.errorString{s:"context canceled"}`, `cause=&errors.errorString{s:"why"}`)
}
