//go:build go1.24
// +build go1.24

package main

// Generic type aliases.

type aliasPair[T comparable] = pair[T, T]

//go:noinline
func usesAlias(p aliasPair[int], n int) int { return p.Key + n }

func init() {
	register("main.usesAlias", func() { sink = usesAlias(aliasPair[int]{1, 2}, 3) }, "p=main.pair[int,int]{Key:1, Value:2}", "n=3")
}
