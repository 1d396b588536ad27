package main

import (
	"math"
	"strings"
	"time"
	"unsafe"
)

type (
	Celsius float64
	Name    string
	Flag    uint8
	Raw     []byte
	Ints    []int
	Handle  uintptr
	Empty   struct{}
	Bits    [2]byte
)

type Small struct {
	A int8
	B int16
	C bool
}

type Base struct{ ID int }

type Inner struct {
	S string
	N []int
}

type Outer struct {
	Base
	*Inner
	_     int32
	In    Inner
	Small [2]Small
	f     float32
}

func addScalars() {
	add(nil, "nil")
	add(true, "bool(true)")
	add(int(-3), "int(-3)")
	add(int8(-128), "int8(-128)")
	add(int16(32767), "int16(32767)")
	add(int32(-5), "int32(-5)")
	add(int64(math.MinInt64), "int64(-9223372036854775808)")
	add(int64(1)<<53+1, "int64(9007199254740993)")
	add(uint(7), "uint(7)")
	add(uint8(255), "uint8(255)")
	add(uint16(65535), "uint16(65535)")
	add(uint32(4294967295), "uint32(4294967295)")
	add(uint64(math.MaxUint64), "uint64(18446744073709551615)")
	add(uintptr(31), "uintptr(0x1f)")
	add(Handle(0xabcdef012345), "main.Handle(0xabcdef012345)")
	add(float32(0.1), "float32(0.1)")
	add(1e6, "float64(1e+06)")
	add(math.Inf(1), "float64(+Inf)")
	add(Celsius(21.5), "main.Celsius(21.5)")
	add(complex64(1+2i), "complex64(1+2i)")
	add(1-2i, "complex128(1-2i)")
	add("x", `string("x")`)
	add("", `string("")`)
	add(Name("größe\n"), `main.Name("größe\n")`)
	add(strings.Repeat("x", 300), `string("`+strings.Repeat("x", 256)+`"…+44)`)
	add(strings.Repeat("世", 100), `string("`+strings.Repeat("世", 85)+`"…+45)`)
	add(unsafe.Pointer(nil), "unsafe.Pointer(nil)")
	add(time.Duration(1500)*time.Millisecond, "time.Duration(1.5s)")
	at := time.Date(2026, 11, 22, 10, 0, 0, 500000000, time.FixedZone("x", 3600))
	add(at, "time.Time(2026-11-22T09:00:00.5Z)")
	now := time.Now()
	add(now, "time.Time("+now.UTC().Format(time.RFC3339Nano)+")")
	add(time.Time{}, "time.Time(0001-01-01T00:00:00Z)")
	add([]time.Duration{1, 2000}, "[]time.Duration{1ns, 2µs}")
}

func addComposites() {
	add(Empty{}, "main.Empty{}")
	add(struct{}{}, "struct {}{}")
	add(Small{127, 32767, true}, "main.Small{A:127, B:32767, C:true}")
	add(struct {
		A int
		B string
	}{1, "x"}, `struct { A int; B string }{A:1, B:"x"}`)
	add(Outer{Base{1}, &Inner{"p", nil}, 0, Inner{"q", []int{1}}, [2]Small{{1, 2, true}, {}}, 0.5},
		`main.Outer{Base:main.Base{ID:1}, Inner:&main.Inner{S:"p", N:[]int(nil)}, _:0, In:main.Inner{S:"q", N:[]int{1}}, `+
			`Small:[2]main.Small{main.Small{A:1, B:2, C:true}, main.Small{A:0, B:0, C:false}}, f:0.5}`)
	add([3]int{1, 2, 3}, "[3]int{1, 2, 3}")
	add([0]int{}, "[0]int{}")
	add([66]int8{}, "[66]int8{"+strings.Repeat("0, ", 64)+"…+2}")
	add([3]byte{'a', 'b', 'c'}, `[3]byte("abc")`)
	add(Bits{0, 255}, "main.Bits{0, 255}")
	add([]int(nil), "[]int(nil)")
	add([]int{}, "[]int{}")
	add(make([]int, 0, 5), "[]int{}")
	add([]int{1, 2}[:1], "[]int{1}")
	add(make([]int, 100), "[]int{"+strings.Repeat("0, ", 64)+"…+36}")
	add(Ints{5}, "main.Ints{5}")
	add([]string{"a", ""}, `[]string{"a", ""}`)
	add([][]string{{"a"}, nil, {}}, `[][]string{[]string{"a"}, []string(nil), []string{}}`)
	add([]Small{{A: 1}}, "[]main.Small{main.Small{A:1, B:0, C:false}}")
	add([]struct{}{{}, {}}, "[]struct {}{struct {}{}, struct {}{}}")
	add([]Flag{1, 2}, "[]main.Flag{1, 2}")
	add([]byte("hi\n"), `[]byte("hi\n")`)
	add([]byte{0, 255}, "[]byte{0, 255}")
	add([]byte(nil), "[]byte(nil)")
	add([]byte{}, `[]byte("")`)
	add(Raw("raw"), `main.Raw("raw")`)
	add([][]byte{[]byte("x")}, `[][]uint8{[]byte("x")}`)
	add([]byte(strings.Repeat("y", 300)), `[]byte("`+strings.Repeat("y", 256)+`"…+44)`)
}
