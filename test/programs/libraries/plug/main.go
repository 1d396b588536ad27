// Package main is a plugin, which host opens.
package main

//go:noinline
func Double(n int, s string) int { return 2*n + len(s) }

func main() {}
