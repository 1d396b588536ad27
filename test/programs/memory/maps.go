package main

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"unsafe"
)

type Point struct{ X, Y int }
type Big struct {
	N int
	P [20]int64
}
type Header map[string][]string

func addMaps() {
	add(map[string]int(nil), "map[string]int(nil)")
	add(map[string]int{}, "map[string]int{}")
	add(map[string]int{"b": 2, "a": 1, "ü": 3, "": 0}, `map[string]int{"":0, "a":1, "b":2, "ü":3}`)
	add(map[int]string{10: "x", 9: "y"}, `map[int]string{10:"x", 9:"y"}`)
	add(map[string]struct{}{"k": {}}, `map[string]struct {}{"k":struct {}{}}`)
	add(map[struct{}]int{{}: 1}, "map[struct {}]int{struct {}{}:1}")
	add(map[Point]*Point{{1, 2}: {3, 4}}, "map[main.Point]*main.Point{main.Point{X:1, Y:2}:&main.Point{X:3, Y:4}}")
	add(map[interface{}]interface{}{1: "a", "b": 2, Point{1, 2}: nil}, `map[interface {}]interface {}{int(1):string("a"), main.Point{X:1, Y:2}:nil, string("b"):int(2)}`)
	add(map[bool][]string{true: {"t"}, false: nil}, `map[bool][]string{false:[]string(nil), true:[]string{"t"}}`)
	add(map[int8]int64{-1: 1, 5: 2}, "map[int8]int64{-1:1, 5:2}")
	add(map[int64]int8{-1: 1, 5: 2}, "map[int64]int8{-1:1, 5:2}")
	add(map[float64]int{math.NaN(): 2, math.NaN(): 1}, "map[float64]int{NaN:1, NaN:2}")
	add(map[string]map[string]int{"a": {"b": 1}}, `map[string]map[string]int{"a":map[string]int{"b":1}}`)
	add(Header{"Accept": {"a", "b"}}, `main.Header{"Accept":[]string{"a", "b"}}`)
	zeros := "[20]int64{" + strings.TrimSuffix(strings.Repeat("0, ", 20), ", ") + "}"
	add(map[Big]Big{{N: 1}: {N: 2}}, "map[main.Big]main.Big{main.Big{N:1, P:"+zeros+"}:main.Big{N:2, P:"+zeros+"}}")
	add(map[string]Big{"k": {N: 2}}, `map[string]main.Big{"k":main.Big{N:2, P:`+zeros+"}}")
	for _, size := range []int{8, 9, 13, 14, 16, 27, 28, 52, 53, 54, 56, 57, 60, 64} {
		addFilled(size, 0)
		addFilled(size, size/3)
	}
	addGrowing()
	large := map[int]int{}
	for i := 0; i < 5000; i++ {
		large[i] = i + 1
	}
	cases = append(cases, testCase{value: large, any: len(large)})
	self := map[string]interface{}{}
	self["self"] = self
	add(self, `map[string]interface {}{"self":<unavailable: it contains itself>}`)
}

// Sizes at which a map grows, half way through; and with deleted entries.
func addFilled(size, deleted int) {
	strings, ints := map[string]uint8{}, map[int]Point{}
	for i := 0; i < size; i++ {
		strings[fmt.Sprint("k", i)] = uint8(i)
		ints[i] = Point{i, -i}
	}
	for i := 0; i < deleted; i++ {
		delete(strings, fmt.Sprint("k", i))
		delete(ints, i)
	}
	addSorted(strings, "map[string]uint8", func(add func(string)) {
		for k, v := range strings {
			add(fmt.Sprintf("%q:%d", k, v))
		}
	})
	addSorted(ints, "map[int]main.Point", func(add func(string)) {
		for k, v := range ints {
			add(fmt.Sprintf("%d:main.Point{X:%d, Y:%d}", k, v.X, v.Y))
		}
	})
}

// Up to Go 1.23 a map with too many overflow buckets grows to its own size: stops while it does.
func addGrowing() {
	m := map[int]int{}
	for i := 0; i < 300000; i++ {
		m[i] = i
		delete(m, i-50)
		hmap := *(**[48]byte)(unsafe.Pointer(&m))
		if old := *(*uintptr)(unsafe.Pointer(&hmap[24])); hmap[8]&8 != 0 && old > 0xc000000000 && i > 100 {
			break
		}
	}
	addSorted(m, "map[int]int", func(add func(string)) {
		for k, v := range m {
			add(fmt.Sprintf("%d:%d", k, v))
		}
	})
}

func addSorted(m interface{}, name string, each func(add func(string))) {
	var entries []string
	each(func(entry string) { entries = append(entries, entry) })
	sort.Slice(entries, func(i, j int) bool {
		return entries[i][:strings.Index(entries[i], ":")] < entries[j][:strings.Index(entries[j], ":")]
	})
	add(m, name+"{"+strings.Join(entries, ", ")+"}")
}
