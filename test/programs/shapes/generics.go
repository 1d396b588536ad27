//go:build go1.18
// +build go1.18

package main

// Generic functions and types in several instances, their methods and literals.

type number interface {
	~int | ~int32 | ~float64
}

//go:noinline
func genericMax[T number](a, b T) T {
	if a > b {
		return a
	}
	return b
}

//go:noinline
func genericMap[T, U any](in []T, f func(T) U) []U {
	out := make([]U, 0, len(in))
	for _, x := range in {
		out = append(out, f(x))
	}
	return out
}

type pair[K comparable, V any] struct {
	Key   K
	Value V
}

//go:noinline
func (p pair[K, V]) Swap(n int) (V, K) { return p.Value, p.Key }

//go:noinline
func (p *pair[K, V]) Set(k K, v V) { p.Key, p.Value = k, v }

type list[T any] struct {
	head *node[T]
	n    int
}

type node[T any] struct {
	value T
	next  *node[T]
}

//go:noinline
func (l *list[T]) Push(v T) {
	l.head = &node[T]{v, l.head}
	l.n++
}

//go:noinline
func (l *list[T]) Each(f func(T) bool) {
	for n := l.head; n != nil; n = n.next {
		if !f(n.value) {
			return
		}
	}
}

//go:noinline
func genericClosure[T any](v T) func() T { return func() T { return v } }

//go:noinline
func noDictUse[T any](a int, s string) int { return a + len(s) }

//go:noinline
func genericOverflow[T any](a, b, c, d, e, f, g int, v T, h int) T { return v }

//go:noinline
func usesPair(p pair[string, int], q *pair[int, point]) int { return p.Value + q.Key }

func init() {
	register("main.genericMax[go.shape.int_0]", func() { sink = genericMax(1, 2) }, "a=1", "b=2")
	register("main.genericMax[go.shape.float64_0]", func() { sink = genericMax(1.5, 2.5) }, "a=1.5", "b=2.5")
	register("main.genericMax[go.shape.int32_0]", func() { sink = genericMax[int32](3, 4) }, "a=3", "b=4")
	register("main.genericMap", func() { sink = genericMap([]int{1}, func(x int) string { return "s" }) })
	register("main.genericMap", func() { sink = genericMap([]string{"a"}, func(x string) point { return point{1, 2} }) })
	register("main.pair.Swap", func() { sink, _ = pair[string, int]{"k", 1}.Swap(2) })
	register("main.pair.Swap", func() { sink, _ = pair[int, *point]{1, nil}.Swap(3) })
	register("main.(*pair).Set", func() { new(pair[string, int]).Set("k", 1) })
	register("main.(*list).Push", func() { new(list[string]).Push("x") })
	register("main.(*list).Push", func() { new(list[point]).Push(point{1, 2}) })
	register("main.(*list).Each", func() { (&list[int]{}).Each(func(int) bool { return true }) })
	register("main.genericClosure", func() { sink = genericClosure("v")() })
	register("main.noDictUse", func() { sink = noDictUse[string](1, "n") }, "a=1", `s="n"`)
	register("main.genericOverflow", func() { sink = genericOverflow(1, 2, 3, 4, 5, 6, 7, "v", 8) })
	register("main.usesPair", func() { sink = usesPair(pair[string, int]{"k", 1}, &pair[int, point]{2, point{3, 4}}) },
		`p=main.pair[string,int]{Key:"k", Value:1}`, "q=&main.pair[int,main.point]{Key:2, Value:main.point{X:3, Y:4}}")
}
