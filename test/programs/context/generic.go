//go:build go1.18
// +build go1.18

package main

type pair[K comparable, V any] struct {
	key K
	val V
}

//go:noinline
func (p pair[K, V]) visit(f func(K, V)) { f(p.key, p.val) }

func apply[T any](v T, f func(T)) { f(v) }

func generic() {
	pair[string, int]{"a", 22}.visit(func(_ string, id int) { both(id) })
	apply(23, func(id int) { both(id) })
}
