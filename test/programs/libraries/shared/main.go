// Package main is a library for C programs: host.c calls it.
package main

import "C"

//export Step
func Step(n C.int) C.int { return C.int(work(int(n), "shared")) }

//go:noinline
func work(n int, s string) int { return n + len(s) }

func main() {}
