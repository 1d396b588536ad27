//go:build go1.18

// Generic functions whose dictionaries are read: type parameters of the same shape, functions that other generic
// functions call, several methods of one type, types from other packages, literals.
package main

import (
	"fmt"
	"net/url"
	"os"
)

type Count int

type Pair[K comparable, V any] struct {
	Key   K
	Value V
}

type List[T any] struct {
	next *List[T]
	item T
}

//go:noinline
func one[T any](a T) T { return a }

//go:noinline
func same[K comparable, V any](k K, n int, v V, ks []K, p *V) (Pair[K, V], *List[V], error) {
	_ = fmt.Sprint(k, v)
	return Pair[K, V]{k, v}, nil, nil
}

//go:noinline
func swapped[K, V any](v V, k K) (a K, b V) { return k, v }

//go:noinline
func outer[T any](items []T, f func(T) string) map[string]T {
	inner(items)
	byText := map[string]T{}
	for _, item := range items {
		byText[f(item)] = one(item)
	}
	return byText
}

//go:noinline
func inner[T any](items []T) *List[T] {
	var list *List[T]
	for _, item := range items {
		list = list.Add(item)
	}
	return list
}

//go:noinline
func (l *List[T]) Add(item T) *List[T] {
	if len(os.Args) > 9 {
		fmt.Println(Pair[string, T]{"", item}, []List[T]{})
	}
	return &List[T]{l, item}
}

//go:noinline
func (l *List[T]) Each(visit func(int, T) bool) (last T, pairs []Pair[int, T]) {
	n := 0
	for at := l; at != nil; at = at.next {
		last = at.item
		pairs = append(pairs, Pair[int, T]{n, last})
		if !visit(n, last) {
			break
		}
		n++
	}
	return last, pairs
}

//go:noinline
func (p Pair[K, V]) Flip(m map[K]V) (V, List[V]) {
	_ = fmt.Sprint(m)
	return p.Value, List[V]{nil, p.Value}
}

//go:noinline
func later[T any](a T) func(T) []T {
	return func(b T) []T { return []T{a, b} }
}

func use[T any](items ...T) {
	outer(items, func(t T) string { return fmt.Sprint(t) })
	inner(items).Each(func(int, T) bool { return true })
	fmt.Fprintln(os.Stderr, one(items[0]), later(items[0])(items[0]))
	same("k", 1, items[0], nil, nil)
	swapped(1, items[0])
	Pair[string, T]{"k", items[0]}.Flip(map[string]T{"a": items[0]})
}

func main() {
	use(1, 2)
	use(Count(3))
	use("s")
	use(&url.URL{Path: "/"}, nil)
	use(url.URL{Path: "/"})
	use([]int{1})
	use(struct{ X, Y Count }{1, 2})
	use[error](nil)
	use(map[string]Count{"a": 1})
	same(1, 2, Count(3), []int{4}, nil)
	same(Count(1), 2, 3, []Count{4}, nil)
	swapped(Count(1), 2)
	Pair[int, Count]{1, 2}.Flip(nil)
	Pair[Count, int]{1, 2}.Flip(nil)
}
