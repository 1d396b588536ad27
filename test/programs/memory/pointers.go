package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unsafe"
)

type Node struct {
	V    int
	Next *Node
}

type Tree struct {
	Left, Right *Tree
	Kids        []Tree
	ByName      map[string]*Tree
}

type Any struct {
	V interface{}
}

type E struct{ Code int }

func (e E) Error() string     { return "e" }
func (e *Node) Error() string { return "n" }

type Pair struct {
	Err error
	Any interface{}
}

type boxKey struct{}

type OnePointer struct{ p *int }
type OneMap struct{ m map[string]int }

func addPointers() {
	five, x := 5, "x"
	fivep := &five
	add(&five, "&5")
	add(&fivep, "&&5")
	add(&x, `&"x"`)
	add((*Node)(nil), "(*main.Node)(nil)")
	add(&Empty{}, "&main.Empty{}")
	chain := &Node{1, &Node{2, &Node{3, &Node{4, nil}}}}
	add(chain, fmt.Sprintf("&main.Node{V:1, Next:&main.Node{V:2, Next:&main.Node{V:3, Next:(*main.Node)(%p)}}}", chain.Next.Next.Next))
	loop := &Node{V: 1}
	loop.Next = loop
	add(loop, fmt.Sprintf("&main.Node{V:1, Next:(*main.Node)(%p)}", loop))
	shared := &Node{V: 9}
	add([]*Node{shared, shared, nil}, "[]*main.Node{&main.Node{V:9, Next:(*main.Node)(nil)}, &main.Node{V:9, Next:(*main.Node)(nil)}, (*main.Node)(nil)}")
	add(&Tree{Kids: []Tree{{Left: &Tree{}}}, ByName: map[string]*Tree{"a": nil}},
		`&main.Tree{Left:(*main.Tree)(nil), Right:(*main.Tree)(nil), Kids:[]main.Tree{main.Tree{Left:&main.Tree{Left:(*main.Tree)(nil), `+
			`Right:(*main.Tree)(nil), Kids:[]main.Tree(nil), ByName:map[string]*main.Tree(nil)}, Right:(*main.Tree)(nil), `+
			`Kids:[]main.Tree(nil), ByName:map[string]*main.Tree(nil)}}, ByName:map[string]*main.Tree{"a":(*main.Tree)(nil)}}`)
	inside := &struct {
		A, B int
		P    *int
	}{1, 2, nil}
	inside.P = &inside.B
	add(inside, "&struct { A int; B int; P *int }{A:1, B:2, P:&2}")
	add(OnePointer{&five}, "main.OnePointer{p:&5}")
	add([1]*int{&five}, "[1]*int{&5}")
	add(OneMap{map[string]int{"a": 1}}, `main.OneMap{m:map[string]int{"a":1}}`)
	add(unsafe.Pointer(&five), fmt.Sprintf("unsafe.Pointer(%p)", &five))
}

func addInterfaces() {
	add([]interface{}{nil, 1, "x", 2.5, Name("n"), []int{1}, Small{}, true},
		`[]interface {}{nil, int(1), string("x"), float64(2.5), main.Name("n"), []int{1}, main.Small{A:0, B:0, C:false}, bool(true)}`)
	add(Pair{E{3}, &E{4}}, "main.Pair{Err:main.E{Code:3}, Any:&main.E{Code:4}}")
	add(Pair{&Node{V: 1}, nil}, "main.Pair{Err:&main.Node{V:1, Next:(*main.Node)(nil)}, Any:nil}")
	add(Pair{(*Node)(nil), (*int)(nil)}, "main.Pair{Err:(*main.Node)(nil), Any:(*int)(nil)}")
	boom := errors.New("boom")
	add(boom, `&errors.errorString{s:"boom"}`)
	add(fmt.Errorf("ctx: %w", boom), `&fmt.wrapError{msg:"ctx: boom", err:&errors.errorString{s:"boom"}}`)
	add(Any{Any{Any{time.Second}}}, "main.Any{V:main.Any{V:main.Any{V:time.Duration(1s)}}}")
	add(Any{uint8(200)}, "main.Any{V:uint8(200)}")
	add(Any{OnePointer{nil}}, "main.Any{V:main.OnePointer{p:(*int)(nil)}}")
	add(Any{3 + 4i}, "main.Any{V:complex128(3+4i)}")
	add(Any{uintptr(9)}, "main.Any{V:uintptr(0x9)}")
	self := &Any{}
	self.V = self
	add(self, fmt.Sprintf("&main.Any{V:(*main.Any)(%p)}", self))
	background := "context.backgroundCtx{emptyCtx:context.emptyCtx{}}"
	if reflect.TypeOf(context.Background()).Kind() == reflect.Ptr {
		background = "&0"
	}
	ctx := context.WithValue(context.WithValue(context.Background(), boxKey{}, 1), Name("id"), "42")
	add(ctx, `&context.valueCtx{Context:&context.valueCtx{Context:`+background+`, key:main.boxKey{}, val:int(1)}, key:main.Name("id"), val:string("42")}`)
	made := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "MadeHere", Type: reflect.TypeOf(1)}})).Elem().Interface()
	add(made, "<unavailable: the file does not describe its type, which was made at run time or is of another file of the process>")
	add(&made, "&<unavailable: the file does not describe its type, which was made at run time or is of another file of the process>")
	var e error = E{8}
	add(&e, "&main.E{Code:8}")
	add([]error{e, nil}, "[]error{main.E{Code:8}, nil}")
	add([]fmt.Stringer{time.Second}, "[]fmt.Stringer{time.Duration(1s)}")
	add(strings.NewReader("abc"), `&strings.Reader{s:"abc", i:0, prevRune:-1}`)
	add(reflect.TypeOf(1).Kind(), "reflect.Kind(2)")
}
