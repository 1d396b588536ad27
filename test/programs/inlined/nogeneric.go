//go:build !go1.18
// +build !go1.18

package main

func callGeneric(n int, s string) int { return n + len(s) }
