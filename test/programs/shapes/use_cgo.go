//go:build shapes_cgo
// +build shapes_cgo

package main

import "example.com/shapes/cgofn"

func init() {
	register("example.com/shapes/cgofn.Twice", func() { sink = cgofn.Twice(21, "cgo") }, "a=21", `s="cgo"`)
}
