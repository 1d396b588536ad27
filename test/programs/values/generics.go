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
}
