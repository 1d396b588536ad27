// Functions with parameters of many types, and a description of each by package reflect: the witness for the types that
// Probelens reads from source.
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
)

type description struct {
	Name     string
	Kind     string
	Size     uintptr
	Align    int
	Named    bool
	PkgPath  string  `json:",omitempty"`
	Elem     *int    `json:",omitempty"`
	Key      *int    `json:",omitempty"`
	Len      int     `json:",omitempty"`
	Dir      string  `json:",omitempty"`
	Empty    bool    `json:",omitempty"`
	Fields   []field `json:",omitempty"`
	NoFields bool    `json:",omitempty"`
}

type field struct {
	Name     string
	Offset   uintptr
	Embedded bool
	Type     int
}

type function struct {
	Name            string
	Params, Results []int
}

var (
	ids   = map[reflect.Type]int{}
	types []*description
)

const maxPointers = 4

func describe(t reflect.Type, pointers int) int {
	if id, ok := ids[t]; ok {
		return id
	}
	id := len(types)
	ids[t] = id
	d := &description{Name: t.String(), Kind: t.Kind().String(), Size: t.Size(), Align: t.Align(), Named: t.Name() != "", PkgPath: t.PkgPath()}
	types = append(types, d)
	elem := func(n int) {
		if n >= 0 {
			e := describe(t.Elem(), n)
			d.Elem = &e
		}
	}
	switch t.Kind() {
	case reflect.Ptr:
		elem(pointers - 1)
	case reflect.Slice:
		elem(pointers)
	case reflect.Array:
		d.Len = t.Len()
		elem(pointers)
	case reflect.Chan:
		d.Dir = t.ChanDir().String()
		elem(pointers)
	case reflect.Map:
		k := describe(t.Key(), pointers)
		d.Key = &k
		elem(pointers)
	case reflect.Interface:
		d.Empty = t.NumMethod() == 0
	case reflect.Struct:
		d.NoFields = t.NumField() == 0
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			d.Fields = append(d.Fields, field{f.Name, f.Offset, f.Anonymous, describe(f.Type, pointers)})
		}
	}
	return id
}

func main() {
	pointers := maxPointers
	if len(os.Args) > 1 {
		pointers, _ = strconv.Atoi(os.Args[1])
	}
	out := []function{}
	for _, f := range append(functions, more...) {
		t := reflect.TypeOf(f.value)
		d := function{Name: f.name, Params: []int{}, Results: []int{}}
		for i := 0; i < t.NumIn(); i++ {
			d.Params = append(d.Params, describe(t.In(i), pointers))
		}
		for i := 0; i < t.NumOut(); i++ {
			d.Results = append(d.Results, describe(t.Out(i), pointers))
		}
		out = append(out, d)
		sink = f.value
	}
	json.NewEncoder(os.Stdout).Encode(map[string]interface{}{"functions": out, "types": types})
}

var sink interface{}

type named struct {
	name  string
	value interface{}
}

var more []named
