//go:build go1.18
// +build go1.18

package main

import (
	"fmt"
	"net/url"
)

// Generic functions and types with several instances. Their linker names hold shapes, which reflection does not know.

type Pair[K comparable, V any] struct {
	Key   K
	Value V
}

type Stack[T any] struct {
	items []T
	top   *T
}

type Number interface{ ~int | ~int8 | ~float64 }

type Tree2[K comparable, V any] struct {
	Left, Right *Tree2[K, V]
	Pair[K, V]
}

type Option[T any] func(*T)

//go:noinline
func identity[T any](a T) T { return a }

//go:noinline
func pairOf[K comparable, V any](n int, k K, v V, p *V) (Pair[K, V], *Pair[K, V]) {
	return Pair[K, V]{k, v}, &Pair[K, V]{k, v}
}

//go:noinline
func sum[N Number](first N, rest []N) (total N) {
	for _, n := range rest {
		total += n
	}
	return total + first
}

//go:noinline
func mapKeys[K comparable, V any](m map[K]V, c chan V, i any) (keys []K, first *K) {
	for k := range m {
		keys = append(keys, k)
	}
	return keys, nil
}

//go:noinline
func (s *Stack[T]) Push(v T) *Stack[T] {
	return &Stack[T]{append(s.items[:len(s.items):len(s.items)], v), s.top}
}

//go:noinline
func (p Pair[K, V]) Swap(v V) (V, Pair[K, V]) { return p.Value, Pair[K, V]{p.Key, v} }

//go:noinline
func takesInstances(p Pair[string, int], t *Tree2[string, float64], s Stack[Point], any interface{}) (Pair[int, *url.URL], []Pair[string, int]) {
	return Pair[int, *url.URL]{}, []Pair[string, int]{p}
}

//go:noinline
func apply[T any](v T, options ...Option[T]) T { return v }

// Literals: what they captured has its type from the dictionary that they hold.
//
//go:noinline
func keeps[T any](v T, n int) func() { return func() { sink(v, n) } }

//go:noinline
func changes[T any](v T, w *T, list []T) func(T) { return func(x T) { v = x; sink(v, w, list) } }

//go:noinline
func (s *Stack[T]) Pusher(v T, more ...T) func() int {
	return func() int { sink(s, v); return len(more) }
}

// Whether the two are the same type, their shapes do not tell.
//
//go:noinline
func keepsBoth[K comparable, V any](k K, v V) func() { return func() { sink(k, v) } }

// Shape is the linker's name for a type parameter's underlying type.
func shaped(name string, shapes ...string) string {
	list := ""
	for i, s := range shapes {
		if i > 0 {
			list += ","
		}
		list += "go.shape." + s
		if shapeIndexed {
			list += fmt.Sprint("_", i)
		}
	}
	return fmt.Sprintf(name, list)
}

func init() {
	one := func(shape string, fn interface{}, args ...interface{}) {
		checkNamed(shaped("main.identity[%s]", shape), fn, "a", args...)
	}
	one("int", identity[int], 5)
	one("int", identity[Count], Count(6))
	one("string", identity[string], "s")
	one("string", identity[Name], Name("n"))
	one("float64", identity[float64], 0.5)
	one("float64", identity[Celsius], Celsius(36.6))
	one("uint8", identity[Level], Level(3))
	one("*uint8", identity[*int], intAt(5))
	one("*uint8", identity[*Point], &Point{1, 2})
	one("[]int", identity[[]int], ints(3))
	one("struct { X int; Y int }", identity[Point], Point{1, 2})
	one("interface {}", identity[any], "dynamic")
	one("interface {}", identity[any], nil)
	one("interface { Error() string }", identity[error], errPlain)
	one("map[string]int", identity[map[string]int], map[string]int{"a": 1})
	one("chan int", identity[chan int], buffered(2, 1))
	checkNamed(shaped("main.pairOf[%s]", "string", "int"), pairOf[string, int], "n k v p", 1, "k", 2, intAt(3))
	checkNamed(shaped("main.pairOf[%s]", "string", "int"), pairOf[Name, Count], "n k v p", 1, Name("k"), Count(2), (*Count)(nil))
	checkNamed(shaped("main.pairOf[%s]", "int", "float64"), pairOf[int, float64], "n k v p", 1, 2, 2.5, floatAt(3.5))
	checkNamed(shaped("main.pairOf[%s]", "int", "*uint8"), pairOf[int, *Point], "n k v p", 1, 2, &Point{3, 4}, nil)
	checkNamed(shaped("main.sum[%s]", "int"), sum[int], "first rest -> total", 1, []int{2, 3})
	checkNamed(shaped("main.sum[%s]", "float64"), sum[Celsius], "first rest -> total", Celsius(1.5), []Celsius{2, 3})
	checkNamed(shaped("main.sum[%s]", "int8"), sum[Tiny], "first rest -> total", Tiny(1), []Tiny{2, 3})
	checkNamed(shaped("main.mapKeys[%s]", "string", "int"), mapKeys[string, int], "m c i -> keys first", map[string]int{"a": 1}, buffered(1, 4), Pair[string, int]{"a", 1})
	checkNamed(shaped("main.mapKeys[%s]", "string", "int"), mapKeys[Name, Count], "m c i -> keys first", map[Name]Count{"a": 1}, nil, Stack[int]{ints(2), nil})
	checkNamed(shaped("main.(*Stack[%s]).Push", "int"), (*Stack[int]).Push, "s v", &Stack[int]{ints(2), intAt(1)}, 9)
	checkNamed(shaped("main.(*Stack[%s]).Push", "string"), (*Stack[string]).Push, "s v", &Stack[string]{}, "pushed")
	checkNamed(shaped("main.Pair[%s].Swap", "string", "int"), Pair[string, int].Swap, "p v", Pair[string, int]{"a", 1}, 2)
	check(takesInstances, "p t s any", Pair[string, int]{"p", 1},
		&Tree2[string, float64]{Left: &Tree2[string, float64]{Pair: Pair[string, float64]{"l", 0.5}}, Pair: Pair[string, float64]{"root", 1.5}},
		Stack[Point]{[]Point{{1, 2}}, &Point{3, 4}}, Pair[Point, *url.URL]{Point{1, 2}, &url.URL{Path: "/"}})
	checkNamed(shaped("main.apply[%s]", "int"), apply[int], "v options", 3, []Option[int]{nil})

	literals := []interface{}{
		instance(keeps(41, 2), shaped("main.keeps[%s].func1", "int"), "{v:41, n:2}"),
		instance(keeps(Count(42), 3), shaped("main.keeps[%s].func1", "int"), "{v:42, n:3}"),
		instance(keeps(Name("named"), 4), shaped("main.keeps[%s].func1", "string"), `{v:"named", n:4}`),
		instance(keeps(Point{1, 2}, 5), shaped("main.keeps[%s].func1", "struct { X int; Y int }"), "{v:main.Point{X:1, Y:2}, n:5}"),
		instance(keeps(&Point{3, 4}, 6), shaped("main.keeps[%s].func1", "*uint8"), "{v:&main.Point{X:3, Y:4}, n:6}"),
		instance(keeps(intAt(7), 7), shaped("main.keeps[%s].func1", "*uint8"), "{v:&7, n:7}"),
		instance(keeps[any](errPlain, 8), shaped("main.keeps[%s].func1", "interface {}"), `{v:&errors.errorString{s:"boom"}, n:8}`),
		instance(changes(Celsius(1.5), (*Celsius)(floatAt(2.5)), []Celsius{3}), shaped("main.changes[%s].func1", "float64"), "{v:1.5, w:&2.5, list:[]main.Celsius{3}}"),
		instance((&Stack[int]{ints(2), intAt(1)}).Pusher(3, 4), shaped("main.(*Stack[%s]).Pusher.func1", "int"), "{s:&main.Stack[int]{items:[]int{0, 1}, top:&1}, v:3, more:[]int{4}}"),
		instance((&Stack[Name]{}).Pusher("n"), shaped("main.(*Stack[%s]).Pusher.func1", "string"), `{s:&main.Stack[main.Name]{items:[]main.Name(nil), top:(*main.Name)(nil)}, v:"n", more:[]main.Name(nil)}`),
		instance(keepsBoth("k", 2.5), shaped("main.keepsBoth[%s].func1", "string", "float64"), `{k:"k", v:2.5}`),
		instance(keepsBoth(Name("k"), &Point{5, 6}), shaped("main.keepsBoth[%s].func1", "string", "*uint8"), `{k:"k", v:&main.Point{X:5, Y:6}}`),
	}
	// By a generic function, which the tests leave out where the binary has no shapes in its names.
	for _, f := range literals {
		one("interface {}", identity[any], f)
	}
	one("interface {}", identity[any], map[string]interface{}{"f": literals[4]})
}
