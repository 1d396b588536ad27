package main

import (
	"context"
	bigint "math/big"
	"net/url"
	"sync"
)

// Values that are hard to show: big maps, maps of big keys, cycles, nested pointers, closures, contexts.

// The compiler's DWARF puts y of big.Int's And and Or into x's register.

type bigKey [20]int64

type cycle struct {
	Next *cycle
	N    int
}

type secretive struct {
	User     string
	Password string
}

//go:noinline
func bigMaps(m map[int]int, k map[bigKey]big, s map[string]struct{}) int {
	return len(m) + len(k) + len(s)
}

//go:noinline
func cyclic(c *cycle) int { return c.N }

//go:noinline
func manyPointers(p ***int, s *string, sl *[]int, m *map[string]int, i *interface{}) int {
	return ***p + len(*s) + len(*sl)
}

//go:noinline
func closureValue(f func() int) int { return f() }

//go:noinline
func libraryTypes(ctx context.Context, u *url.URL, mu *sync.Mutex, once *sync.Once) int {
	return len(u.Host)
}

//go:noinline
func nestedInterfaces(list []interface{}, m map[string]interface{}, e interface{}) int {
	return len(list) + len(m)
}

//go:noinline
func secrets(user string, password string, s secretive) int { return len(user) + len(password) }

//go:noinline
func longValues(s string, b []byte, sl []int) int { return len(s) + len(b) + len(sl) }

func int64Of(n int64) *bigint.Int { return bigint.NewInt(n) }

func init() {
	six, three := int64Of(6), int64Of(3)
	register("math/big.(*Int).And", func() { sink = new(bigint.Int).And(six, three).Int64() },
		"z=&big.Int{neg:false, abs:big.nat(nil)}", "x=&big.Int{neg:false, abs:big.nat{6}}",
		"y=&big.Int{neg:false, abs:big.nat{3}}")
	m := map[int]int{}
	for i := 0; i < 20; i++ {
		m[i] = i * i
	}
	register("main.bigMaps", func() { sink = bigMaps(m, map[bigKey]big{{1}: {A: 2}}, map[string]struct{}{"s": {}}) })
	loop := &cycle{N: 1}
	loop.Next = &cycle{loop, 2}
	register("main.cyclic", func() { sink = cyclic(loop) })
	n, s, sl, mp := 1, "s", []int{1}, map[string]int{"a": 1}
	p := &n
	pp := &p
	var i interface{} = &n
	register("main.manyPointers", func() { sink = manyPointers(&pp, &s, &sl, &mp, &i) },
		"p=&&&1", `s=&"s"`, "sl=&[]int{1}", `m=&map[string]int{"a":1}`, "i=&&1")
	register("main.closureValue", func() { sink = closureValue(func() int { return n }) })
	u, _ := url.Parse("https://example.com/path?q=1")
	register("main.libraryTypes", func() { sink = libraryTypes(context.Background(), u, new(sync.Mutex), new(sync.Once)) })
	register("main.nestedInterfaces",
		func() {
			sink = nestedInterfaces([]interface{}{1, "a", nil}, map[string]interface{}{"k": 2.5}, []interface{}{true})
		},
		`list=[]interface {}{int(1), string("a"), nil}`, `m=map[string]interface {}{"k":float64(2.5)}`, "e=[]interface {}{bool(true)}")
	register("main.secrets", func() { sink = secrets("bob", "hunter2", secretive{"bob", "hunter2"}) })
	long := make([]int, 100)
	register("main.longValues", func() { sink = longValues(itoa(1)+string(make([]byte, 400)), make([]byte, 300), long) })
}
