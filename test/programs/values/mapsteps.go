package main

import (
	"fmt"
	"math/rand"
)

// Maps after random insertions and deletions: growing, thinned, with keys and elements of every storage.

type smallKey struct {
	A int8
	B string
	C [3]byte
}

type paddedElem struct {
	P *int
	A [5]int16
	B bool
}

//go:noinline
func takesMaps(a map[int8]int16, b map[string]paddedElem, c map[smallKey]int8, d map[int64]struct{}, e map[interface{}]string, f map[[17]int64]int, g map[uint32][33]int32, h map[float64]*smallKey) int {
	return len(a) + len(b) + len(c) + len(d) + len(e) + len(f) + len(g) + len(h)
}

const mapNames = "a b c d e f g h"

func init() {
	random := rand.New(rand.NewSource(42))
	for round := 0; round < 20; round++ {
		a, b, c, d := map[int8]int16{}, map[string]paddedElem{}, map[smallKey]int8{}, map[int64]struct{}{}
		e, f, g, h := map[interface{}]string{}, map[[17]int64]int{}, map[uint32][33]int32{}, map[float64]*smallKey{}
		keys := 1 + random.Intn(100)
		for step := random.Intn(400); step > 0; step-- {
			k := random.Intn(keys)
			key := smallKey{int8(k), fmt.Sprint(k), [3]byte{byte(k)}}
			if random.Intn(3) == 0 {
				delete(a, int8(k))
				delete(b, fmt.Sprint("key", k))
				delete(c, key)
				delete(d, int64(k)<<32)
				delete(e, k)
				delete(f, [17]int64{16: int64(k)})
				delete(g, uint32(k))
				delete(h, float64(k)/3)
				continue
			}
			a[int8(k)] = int16(step)
			b[fmt.Sprint("key", k)] = paddedElem{&global, [5]int16{int16(step)}, step%2 == 0}
			c[key] = int8(step)
			d[int64(k)<<32] = struct{}{}
			h[float64(k)/3] = &smallKey{A: int8(step)}
			if step%2 == 0 {
				e[k] = fmt.Sprint(step)
			} else {
				e[fmt.Sprint(k)] = "s"
			}
			// More would not fit one event.
			if k < 40 {
				f[[17]int64{16: int64(k)}] = step
				g[uint32(k)] = [33]int32{32: int32(step)}
			}
		}
		check(takesMaps, mapNames, a, nil, nil, d, nil, nil, nil, nil)
		check(takesMaps, mapNames, nil, b, nil, nil, nil, nil, nil, nil)
		check(takesMaps, mapNames, nil, nil, c, nil, nil, nil, nil, nil)
		check(takesMaps, mapNames, nil, nil, nil, nil, e, nil, nil, nil)
		check(takesMaps, mapNames, nil, nil, nil, nil, nil, f, nil, nil)
		check(takesMaps, mapNames, nil, nil, nil, nil, nil, nil, g, nil)
		check(takesMaps, mapNames, nil, nil, nil, nil, nil, nil, nil, h)
	}
	for n := 0; n <= 130; n += 2 {
		m := map[int64]struct{}{}
		for i := 0; i < n; i++ {
			m[int64(i)] = struct{}{}
		}
		check(takesMaps, mapNames, nil, nil, nil, m, nil, nil, nil, nil)
	}
}
