// Prints where package reflect's own implementation of Go's calling convention (reflect/abi.go) places the parameters
// and results of random signatures: an independent witness for src/goabi/assign.ts.
//
//	go build -ldflags=-checklinkname=0 && ./reflectabi COUNT SEED amd64|arm64|abi0
//
// One JSON object per line. Written for Go 1.26's struct layouts.
package main

import (
	"bufio"
	"encoding/json"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"sync"
	"unsafe"
)

type abiStep struct {
	Kind, Offset, Size, StkOff int
	Ireg, Freg                 int
}

type abiSeq struct {
	steps        []abiStep
	valueStart   []int
	stackBytes   uintptr
	iregs, fregs int
}

type abiDesc struct {
	call, ret                           abiSeq
	stackCallArgsSize, retOffset, spill uintptr
	stackPtrs                           unsafe.Pointer
	inRegPtrs, outRegPtrs               [2]uint8
}

//go:linkname funcLayout reflect.funcLayout
func funcLayout(t, rcvr unsafe.Pointer) (frame unsafe.Pointer, pool *sync.Pool, abid abiDesc)

//go:linkname intArgRegs reflect.intArgRegs
var intArgRegs int

//go:linkname floatArgRegs reflect.floatArgRegs
var floatArgRegs int

type blankFields struct {
	A int8
	_ int32
	B uint16
	_ string
	C float32
}

type trailingZero struct {
	A int64
	_ struct{}
}

type embedded struct {
	trailingZero
	_ [0]float64
	B [1]complex64
}

type celsius float64

var leaves = []reflect.Type{
	reflect.TypeOf(false), reflect.TypeOf(int(0)), reflect.TypeOf(int8(0)), reflect.TypeOf(int16(0)),
	reflect.TypeOf(int32(0)), reflect.TypeOf(int64(0)), reflect.TypeOf(uint(0)), reflect.TypeOf(uint8(0)),
	reflect.TypeOf(uint16(0)), reflect.TypeOf(uint32(0)), reflect.TypeOf(uint64(0)), reflect.TypeOf(uintptr(0)),
	reflect.TypeOf(float32(0)), reflect.TypeOf(float64(0)), reflect.TypeOf(celsius(0)), reflect.TypeOf(complex64(0)),
	reflect.TypeOf(complex128(0)), reflect.TypeOf(""), reflect.TypeOf(unsafe.Pointer(nil)), reflect.TypeOf(new(int)),
	reflect.TypeOf([]string{}), reflect.TypeOf(map[string]int{}), reflect.TypeOf(make(chan int)),
	reflect.TypeOf(func() {}), reflect.TypeOf((*error)(nil)).Elem(), reflect.TypeOf((*any)(nil)).Elem(),
	reflect.TypeOf(struct{}{}), reflect.TypeOf(blankFields{}), reflect.TypeOf(trailingZero{}), reflect.TypeOf(embedded{}),
}

func randomType(r *rand.Rand, depth int) reflect.Type {
	switch n := r.Intn(10); {
	case depth > 0 && n < 2:
		var fields []reflect.StructField
		for i := range r.Intn(6) {
			fields = append(fields, reflect.StructField{Name: "F" + strconv.Itoa(i), Type: randomType(r, depth-1)})
		}
		return reflect.StructOf(fields)
	case depth > 0 && n < 3:
		return reflect.ArrayOf(r.Intn(4), randomType(r, depth-1))
	default:
		return leaves[r.Intn(len(leaves))]
	}
}

type typeJSON struct {
	Name   string
	Kind   string
	Size   uintptr
	Align  int
	Len    int         `json:",omitempty"`
	Elem   *typeJSON   `json:",omitempty"`
	Fields []fieldJSON `json:",omitempty"`
}

type fieldJSON struct {
	Name   string
	Offset uintptr
	Type   *typeJSON
}

func describe(t reflect.Type) *typeJSON {
	d := &typeJSON{Name: t.String(), Kind: t.Kind().String(), Size: t.Size(), Align: t.Align()}
	switch t.Kind() {
	case reflect.Array:
		d.Len = t.Len()
		d.Elem = describe(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			d.Fields = append(d.Fields, fieldJSON{f.Name, f.Offset, describe(f.Type)})
		}
	}
	return d
}

func list(r *rand.Rand) ([]reflect.Type, []*typeJSON) {
	var types []reflect.Type
	var described []*typeJSON
	for range r.Intn(9) {
		t := randomType(r, 3)
		types = append(types, t)
		described = append(described, describe(t))
	}
	return types, described
}

func values(s abiSeq) [][]abiStep {
	out := make([][]abiStep, len(s.valueStart))
	for i, start := range s.valueStart {
		end := len(s.steps)
		if i+1 < len(s.valueStart) {
			end = s.valueStart[i+1]
		}
		out[i] = append([]abiStep{}, s.steps[start:end]...)
	}
	return out
}

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	seed, _ := strconv.ParseInt(os.Args[2], 10, 64)
	switch os.Args[3] {
	case "arm64":
		intArgRegs, floatArgRegs = 16, 16
	case "abi0":
		intArgRegs, floatArgRegs = 0, 0
	}
	r := rand.New(rand.NewSource(seed))
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	enc := json.NewEncoder(w)
	for range count {
		in, inJSON := list(r)
		out, outJSON := list(r)
		ft := reflect.FuncOf(in, out, false)
		_, _, abid := funcLayout((*[2]unsafe.Pointer)(unsafe.Pointer(&ft))[1], nil)
		enc.Encode(map[string]any{"in": inJSON, "out": outJSON, "call": values(abid.call), "ret": values(abid.ret)})
	}
}
