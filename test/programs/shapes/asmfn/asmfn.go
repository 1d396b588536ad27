// Package asmfn holds functions written in assembly: ABI0, whatever the Go version.
package asmfn

// Add is a leaf.
func Add(a, b int) int

// CountDown's first instruction is the target of its loop.
func CountDown(n int) int
